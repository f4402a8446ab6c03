import type { Command } from '../command'
import { given, list, text, whole } from '../option-values'

export const keysCreate: Command = {
  name: 'keys create',
  args: ['<tenant>', '<name>'],
  summary: 'make an API key; it is shown this once',
  options: {
    project: { type: 'string', summary: 'bound to this project, by slug' },
    models: { type: 'string', summary: 'these models only, with commas between' },
    regions: { type: 'string', summary: 'these regions only, with commas between' },
    rpm: { type: 'string', summary: 'requests a minute' },
    tpm: { type: 'string', summary: 'tokens a minute' },
    parallel: { type: 'string', summary: 'requests at once' },
    'max-budget': { type: 'string', summary: 'such as 10.00, for each period' },
    'budget-duration': { type: 'string', summary: 'day, week or month' },
    'expires-at': { type: 'string', summary: 'RFC 3339 time' },
  },
  async run({ args: [tenant, name], options, api, terminal, show }) {
    const body = given({
      name,
      project: text(options, 'project'),
      allowed_models: list(options, 'models'),
      allowed_regions: list(options, 'regions'),
      rpm_limit: whole(options, 'rpm'),
      tpm_limit: whole(options, 'tpm'),
      max_parallel_requests: whole(options, 'parallel'),
      max_budget: text(options, 'max-budget'),
      budget_duration: text(options, 'budget-duration'),
      expires_at: text(options, 'expires-at'),
    })
    const made = await api.json<{ id: string; key: string }>('POST', `/admin/tenants/${encodeURIComponent(tenant!)}/keys`, body)
    // The key alone on standard output, for scripts.
    if (options.json !== true) terminal.stderr.write(`Key ${made.id} of ${tenant}. It is shown this once:\n`)
    show(made, made.key)
  },
}

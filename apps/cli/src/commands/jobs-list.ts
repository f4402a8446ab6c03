import type { Command } from '../command'
import type { Job } from '../job-watch'
import { given, text } from '../option-values'
import { table } from '../table'

export const jobsList: Command = {
  name: 'jobs list',
  args: [],
  summary: 'pulls, creates and deletes on hosts, and how far they are',
  options: { state: { type: 'string', summary: 'queued, running, succeeded, failed or cancelled' }, model: { type: 'string', summary: 'of this model' } },
  async run({ options, api, show }) {
    const jobs = await api.list<Job>('/admin/jobs', given({ state: text(options, 'state'), model: text(options, 'model') }) as Record<string, string>)
    const rows = jobs.map(({ id, kind, model, host, state, progress, error }) => [kind, model, host, state === 'running' && progress?.percent != null ? `${progress.percent}%` : state, id, error ?? ''])
    show(jobs, rows.length > 0 ? table(['KIND', 'MODEL', 'HOST', 'STATE', 'ID', ''], rows) : 'There is no such job.')
  },
}

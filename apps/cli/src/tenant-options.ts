import type { Call, CommandOption } from './command'
import { given, list, text } from './option-values'

/** What a tenant is made of, beside its slug. */
export const TENANT_OPTIONS: Readonly<Record<string, CommandOption>> = {
  name: { type: 'string', summary: 'name for people' },
  tier: { type: 'string', summary: 'free, standard, premium, enterprise or another' },
  region: { type: 'string', summary: 'home region' },
  regions: { type: 'string', summary: 'where its calls may go, with commas between; otherwise home only' },
  model: { type: 'string', summary: 'what its calls get when they name no model' },
  billing: { type: 'string', summary: 'prepaid or postpaid' },
  'max-budget': { type: 'string', summary: 'such as 50.00, for each period' },
  'time-zone': { type: 'string', summary: 'such as Europe/Berlin' },
}

/** The options as a body has them; what is not given is left out. */
export function tenantFields(options: Call['options']): Record<string, unknown> {
  return given({
    name: text(options, 'name'),
    tier: text(options, 'tier'),
    home_region: text(options, 'region'),
    allowed_regions: list(options, 'regions'),
    preferred_model: text(options, 'model'),
    billing: text(options, 'billing'),
    max_budget: text(options, 'max-budget'),
    time_zone: text(options, 'time-zone'),
  })
}

import type { Gateway } from '../gateway'
import { GatewayRefusal } from '../gateway'
import { suggestion } from '../nearest'
import { CliError } from '../terminal'

/** The variable that gives the account at each cloud, read where Tollgate runs. */
const VARIABLES: Readonly<Record<string, string>> = { openai: 'OPENAI_API_KEY', openrouter: 'OPENROUTER_API_KEY', anthropic: 'ANTHROPIC_API_KEY', ollama: 'OLLAMA_BASE_URL' }

/** A refusal with the way out added: which provider to configure, what to pull, what to ask instead. Other errors as they are. */
export async function withAdvice(error: unknown, model: string | null, gateway: Gateway): Promise<Error> {
  if (!(error instanceof GatewayRefusal)) return error as Error
  // The server's hint is for its own clients; here the list follows.
  const lines = [error.message.replace(' Use /models to see available models.', ''), ...(await adviceFor(error, model, gateway))]
  return new CliError(lines.join('\n'), error.exitCode)
}

async function adviceFor({ body: { code, available_models: available = [] } }: GatewayRefusal, model: string | null, gateway: Gateway): Promise<string[]> {
  const yours = available.length > 0 ? [`You may use: ${available.join(', ')}.`] : []
  switch (code) {
    case 'model_not_found':
    case 'model_not_configured':
      return [...((await missingProvider(model, gateway)) ?? [`${suggestion(model ?? '', available).trim()} An operator pulls a new one: tollgate models pull ${model}`.trim()]), ...yours]
    case 'model_not_available':
      return (await missingProvider(model, gateway)) ?? [`No live host holds it. \`tollgate health\` shows the hosts; an operator pulls it: tollgate models pull ${model ?? '<model>'}`]
    case 'model_not_allowed':
    case 'model_not_allowed_for_key':
      return yours
    case 'price_missing':
      return ['An operator adds a price: POST /admin/prices, or `prices:` in the file of `tollgate config apply`.']
    case 'context_length_exceeded':
      return ['In a chat, /clear begins anew.']
    default:
      return []
  }
}

/** When a name says its provider and no host of that provider serves this key: where it is configured. */
async function missingProvider(model: string | null, gateway: Gateway): Promise<string[] | null> {
  const provider = /^([a-z-]+)[:/]/.exec(model ?? '')?.[1]
  const variable = provider && Object.hasOwn(VARIABLES, provider) ? VARIABLES[provider] : undefined
  if (variable === undefined) return null
  const { data } = await gateway.json<{ data: { provider: string }[] }>('GET', '/v1/providers').catch(() => ({ data: [] }))
  if (data.some((known) => known.provider === provider)) return null
  return [`Provider ${provider} is not configured. Set ${variable} where Tollgate runs and start it again, or add a host: tollgate hosts add <name> --provider ${provider} --region <region> --url <address>`]
}

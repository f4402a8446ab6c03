/** What a request's `tool_choice` and `parallel_tool_calls` allow an answer to hold. */
export interface ToolRule {
  /** The one tool that may be called; null = any of those offered. */
  readonly only: string | null
  /** Calls per choice. */
  readonly most: number
  /** The answer must hold a call, unless it is cut short. */
  readonly isRequired: boolean
}

/** Nothing was asked for. */
export const ANY_TOOL: ToolRule = { only: null, most: Infinity, isRequired: false }

/** The rule of a request. The gateway holds every upstream to it: Ollama, for one, knows neither field. */
export function toolRuleOf(parameters: Readonly<Record<string, unknown>>): ToolRule {
  const { tool_choice: choice, parallel_tool_calls: parallel } = parameters
  if (choice === 'none') return { ...ANY_TOOL, most: 0 }
  const only = namedTool(choice)
  return { only, most: parallel === false ? 1 : Infinity, isRequired: choice === 'required' || only !== null }
}

/** The tool a `tool_choice` names; null when it names none. */
export function namedTool(choice: unknown): string | null {
  const name = (choice as { function?: { name?: unknown } } | null | undefined)?.function?.name
  return typeof name === 'string' ? name : null
}

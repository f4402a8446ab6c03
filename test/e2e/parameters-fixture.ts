import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A parameter of a surface and what the gateway's README says is done with it. */
export interface ParameterRow {
  readonly name: string
  readonly treatment: string
}

/** The table of the gateway's README that stands under this surface's path. */
export function parameterTable(path: string): ParameterRow[] {
  const section = readFileSync(join(__dirname, '../../apps/gateway/README.md'), 'utf8').split('\n## ').find((text) => text.startsWith(`Parameters of \`${path}\``))!
  return section.split('\n').flatMap((line) => {
    const [, names, treatment] = /^\| ((?:`\w+`(?:, )?)+) \| (passed where known|passed|governed|ignored|refused) \|/.exec(line) ?? []
    return names ? [...names.matchAll(/`(\w+)`/g)].map(([, name]) => ({ name: name!, treatment: treatment! })) : []
  })
}

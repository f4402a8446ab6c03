import { refuse, RefusalError } from '@tollgate/kernel'
import { differences, pathOf, type ConfigFile, type Entry, type Fault, type FieldChange } from '@tollgate/operator-config'
import type { z } from 'zod'

type Path = Entry['path']

/** One change a file asks for. */
export interface Step {
  readonly object: string
  readonly name: string
  readonly op: 'create' | 'change'
  readonly fields: readonly FieldChange[]
  /** Makes the change. @param by account, for histories @returns what the operator still has to know */
  run(by: string): Promise<readonly string[] | void>
}

/** What a file is going to make, for the sections after the one that makes it. */
interface Made {
  readonly models: Set<string>
  readonly tiers: Set<string>
  /** With the tier and currency they are going to have; for those that are there already, what changes. */
  readonly tenants: Map<string, { readonly tier?: string | undefined; readonly currency?: string }>
}

/** A plan while it is being made: what is wrong, what is to be done, and what will be there then. Nothing is written. */
export class Draft {
  readonly faults: Fault[] = []
  readonly steps: Step[] = []
  readonly made: Made = { models: new Set(), tiers: new Set(), tenants: new Map() }
  private readonly named = new Map<string, Entry>()

  constructor(private readonly file: ConfigFile) {}

  /** Says what is wrong with a field of an entry. */
  fault(entry: Entry, field: Path, message: string): void {
    this.faultAt(pathOf(entry, field), message)
  }

  faultAt(path: Path, message: string): void {
    this.faults.push(this.file.fault(path, message))
  }

  /** An entry by its schema; null after noting every fault. @param value what is judged, where it is more than the entry says */
  parse<Schema extends z.ZodType>(schema: Schema, entry: Entry, value: object = entry.value): z.output<Schema> | null {
    const parsed = schema.safeParse(value)
    if (parsed.success) return parsed.data
    this.noteIssues(parsed.error.issues, entry, value)
    return null
  }

  /** Notes every issue of a schema at its place; an unknown key at its own. */
  private noteIssues(issues: readonly z.core.$ZodIssue[], entry: Entry, value: object): void {
    for (const issue of issues) {
      const path = issue.path.filter((part): part is string | number => typeof part !== 'symbol')
      if (issue.code !== 'unrecognized_keys') this.fault(entry, path, isMissing(value, path) ? 'is missing' : issue.message)
      else for (const key of issue.keys) this.fault(entry, [...path, key], 'is not a field of this object')
    }
  }

  /** Whether an entry is the first of its name. */
  isFirst(object: string, name: string, entry: Entry): boolean {
    const key = `${object} ${name}`
    const other = this.named.get(key)
    if (other) this.fault(entry, ['name' in entry.value ? 'name' : 'slug'], `stands twice in this file: ${name} is ${pathOf(other).join('.')} as well`)
    else this.named.set(key, entry)
    return other === undefined
  }

  /** Adds a step, when anything is to be changed. Objects as the wire has them; `before` null = it is to be made. */
  compare(object: string, name: string, before: object | null, after: object, run: Step['run'], masked: readonly FieldChange[] = []): void {
    const fields = [...differences(before as Record<string, unknown> | null, after as Record<string, unknown>), ...masked]
    if (before === null || fields.length > 0) this.steps.push({ object, name, op: before === null ? 'create' : 'change', fields, run })
  }

  /** @throws RefusalError config_invalid naming every fault with its line, in their order */
  demandValid(): void {
    if (this.faults.length > 0) throw configInvalid(this.faults)
  }
}

/** Whether nothing stands at a path, and its object is there. */
function isMissing(value: unknown, [first, ...rest]: Path): boolean {
  if (first === undefined) return value === undefined
  return value !== null && typeof value === 'object' && isMissing((value as Record<string, unknown>)[first], rest)
}

/** A file that is not valid, as a refusal. */
export function configInvalid(faults: readonly Fault[]): RefusalError {
  const sorted = [...faults].sort((a, b) => a.line - b.line || a.column - b.column)
  const { line, column, path, message } = sorted[0]!
  const more = sorted.length > 1 ? ` and ${sorted.length - 1} more` : ''
  return new RefusalError(refuse('config_invalid', { reason: `line ${line}, column ${column}: ${path ? `${path} ` : ''}${message}${more}` }, { details: { errors: sorted } }))
}

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020'
import formats from 'ajv-formats'

/** What is read of a document. */
interface Document {
  readonly paths: Readonly<Record<string, object>>
  readonly components?: unknown
}
type Content = Readonly<Record<string, { readonly schema: object }>>
type Methods = Readonly<Record<string, { readonly responses: Readonly<Record<string, { readonly content?: Content }>> } | undefined>>

/** Holds a reply against the OpenAPI document: T36's "every response matches its schema", for every call that any spec makes. */
export type ReplyCheck = (method: string, url: string, status: number, type: string, body: unknown) => void

/** @throws with what does not match, when a reply is not what the document says */
export function replyCheck(document: Document): ReplyCheck {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  formats.default(ajv)
  const compiled = new Map<object, ValidateFunction>()
  const paths = Object.keys(document.paths)
    .map((path) => ({ path, pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`) }))
    // `/hosts/loads` is itself before it is one of `/hosts/{host}`.
    .sort((a, b) => a.path.split('{').length - b.path.split('{').length)
  return (method, url, status, type, body) => {
    const address = url.split('?')[0]!
    const operationOf = (path: string) => (document.paths[path] as Methods)[method.toLowerCase()]
    const found = paths.find(({ path, pattern }) => pattern.test(address) && operationOf(path))
    if (!found) return
    const { responses } = operationOf(found.path)!
    const response = responses[String(status)]
    const schema = response?.content?.[type.split(';')[0]!]?.schema
    const label = `${method} ${found.path} answered ${status} ${type}`
    if (!response) throw new Error(`${label}: the document knows ${Object.keys(responses)} of it`)
    if (!schema) {
      if (body === undefined && !response.content) return
      throw new Error(`${label}: the document has no such body`)
    }
    const validate = compiled.get(schema) ?? ajv.compile({ ...schema, components: document.components })
    compiled.set(schema, validate)
    if (!validate(body)) throw new Error(`${label}, which is not what the document says:\n${ajv.errorsText(validate.errors, { separator: '\n' })}\n${JSON.stringify(body).slice(0, 2_000)}`)
  }
}

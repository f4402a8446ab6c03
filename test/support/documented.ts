import { dataPlaneDocument } from '../../apps/gateway/src/document/data-plane-document'
import { replyCheck, type ReplyCheck } from './reply-check'

let check: ReplyCheck | undefined

function checkOf(): ReplyCheck {
  const { paths, components } = dataPlaneDocument()
  return replyCheck({ paths, components: { schemas: components } })
}

/** Holds a reply of the data plane against its document, and leaves it unread. Streams are not looked into. */
export async function documented(method: string, response: Response): Promise<Response> {
  const type = response.headers.get('content-type') ?? ''
  if (!/^(application\/json|text\/(plain|csv))\b/.test(type)) return response
  check ??= checkOf()
  const text = await response.clone().text()
  const { pathname } = new URL(response.url)
  check(method, pathname, response.status, type, type.startsWith('application/json') ? JSON.parse(text) : text)
  return response
}

import { refuse, type ChatMessage, type Refusal } from '@tollgate/kernel'

/** The most images a request may hold, and the most bytes of each. The body limit of the process may be lower. */
const MOST_IMAGES = 20
const MOST_IMAGE_BYTES = 10 * 1024 * 1024
const LONGEST_LINK = 2_048

const DATA_URI = /^data:image\/(?:png|jpeg|gif|webp);base64,/
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/** Images of a request: how many, and how much of its body they are. Their bytes say nothing of their tokens. */
export function weighImages(messages: readonly ChatMessage[]): { count: number; bytes: number } {
  const weight = { count: 0, bytes: 0 }
  for (const { url } of imagesOf(messages)) {
    weight.count++
    weight.bytes += typeof url === 'string' ? url.length : 0
  }
  return weight
}

/**
 * Refuses images that no provider should see: too many, too large, not what they say, or for a model that its host
 * knows to be blind. Links are never fetched here; whether the provider may is its own matter (`lackOf`).
 */
export function imageRefusal(messages: readonly ChatMessage[], model: { readonly name: string; readonly capabilities: { readonly isKnown: boolean; readonly vision: boolean } }): Refusal | null {
  const images = imagesOf(messages)
  if (images.length === 0) return null
  if (model.capabilities.isKnown && !model.capabilities.vision) return refused(images[0]!.path, `model ${model.name} does not take images`)
  if (images.length > MOST_IMAGES) return refused(images[MOST_IMAGES]!.path, `a request may hold at most ${MOST_IMAGES}, this one holds ${images.length}`)
  for (const { path, url } of images) {
    const fault = faultOf(url)
    if (fault) return refused(path, fault)
  }
  return null
}

function imagesOf(messages: readonly ChatMessage[]): { path: string; url: unknown }[] {
  return messages.flatMap(({ content }, at) =>
    typeof content === 'string' || !content
      ? []
      : content.flatMap((part, index) => (part.type === 'image_url' ? [{ path: `messages.${at}.content.${index}`, url: (part as { image_url?: { url?: unknown } }).image_url?.url }] : [])),
  )
}

function faultOf(url: unknown): string | null {
  if (typeof url !== 'string' || url === '') return 'image_url.url must be a data URI or a link'
  if (!url.startsWith('data:')) return isPlainLink(url) ? null : 'a link must be https, without credentials, and at most 2048 characters long'
  const head = DATA_URI.exec(url)?.[0]
  if (head === undefined) return 'a data URI must be image/png, image/jpeg, image/gif or image/webp in base64'
  const data = url.slice(head.length)
  if (data.length * 0.75 > MOST_IMAGE_BYTES) return `it is larger than ${MOST_IMAGE_BYTES} bytes`
  return BASE64.test(data) ? null : 'its base64 cannot be read'
}

function isPlainLink(url: string): boolean {
  if (url.length > LONGEST_LINK || !URL.canParse(url)) return false
  const { protocol, username, password } = new URL(url)
  return protocol === 'https:' && username === '' && password === ''
}

function refused(path: string, reason: string): Refusal {
  return refuse('image_refused', { reason: `${path}: ${reason}` }, { details: { param: 'messages', errors: [{ path, message: reason }] } })
}

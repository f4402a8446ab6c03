export { ReceiptSigner, type PublicKeyJwk } from './receipt-signer'
export { SecretBox } from './secret-box'
export { openWith, sealWith } from './sealing'

export { addComponent, jsonSchemaOf, type Components } from './json-schema'
export { cursorReply, instantReply, instantTextReply, moneyReply, pageReply } from './wire-fields'

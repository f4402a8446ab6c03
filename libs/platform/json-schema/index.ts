export { addComponent, jsonSchemaOf, type Components } from './json-schema'

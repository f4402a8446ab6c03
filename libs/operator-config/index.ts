export { ConfigFile, readConfig, variablesOf, writeConfig } from './config-file'
export { differences, type FieldChange } from './domain/differences'
export { pathOf, type Entry, type Fault } from './domain/entry'
export { targetOf, translate, type KnownHost } from './domain/runtime-form'

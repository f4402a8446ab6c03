import { answerParent } from './children'
import { LoadRun, type LoadOrder } from './load-run'

answerParent((message: { kind: 'start' } | { kind: 'load'; order: LoadOrder }) => (message.kind === 'load' ? new LoadRun(message.order).run() : { isReady: true }))

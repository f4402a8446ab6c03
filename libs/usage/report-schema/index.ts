export { costFiguresReply, costGroups, savingReply } from './cost-report.schema'

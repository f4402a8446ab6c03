export { callStatusReply, ownAttemptReply, ownRequestReply } from './request-record.schema'

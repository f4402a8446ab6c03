-- Names of tool servers whose tools a model is given (libs/mcp/README.md). Only names: what is started or called stands in
-- the operator's own file on the gateway's machine, never in this database. No foreign key for the same reason.
ALTER TABLE model ADD COLUMN mcp_servers text[] NOT NULL DEFAULT '{}';

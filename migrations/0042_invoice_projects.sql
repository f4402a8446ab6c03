-- Lines of an invoice by project (libs/invoices/README.md). Null = issued before lines had projects: its lines are by model
-- and price alone, and it replays so. The names are kept, because a project may be renamed or removed later.
ALTER TABLE invoice ADD COLUMN projects jsonb CONSTRAINT invoice_projects_list CHECK (jsonb_typeof(projects) = 'array');
ALTER TABLE invoice_line ADD COLUMN project_id uuid;

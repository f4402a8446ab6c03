-- Models that stand in for one whose hosts all fail, in order (libs/chat/README.md). Judged when written: each is in the
-- catalogue, and none leads back.
ALTER TABLE model ADD COLUMN fallbacks text[] NOT NULL DEFAULT '{}';

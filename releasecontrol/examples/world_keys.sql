-- Who owns what. The keys come after the rows (see world_schema.sql), under the names PostgreSQL
-- would have given them inside CREATE TABLE.

ALTER TABLE projects
  ADD CONSTRAINT projects_user_id_fkey FOREIGN KEY (user_id) REFERENCES accounts (id) ON DELETE CASCADE;
CREATE INDEX projects_user_id_idx ON projects (user_id);

ALTER TABLE characters
  ADD CONSTRAINT characters_user_id_fkey FOREIGN KEY (user_id) REFERENCES accounts (id) ON DELETE CASCADE,
  ADD CONSTRAINT characters_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE SET NULL;
CREATE INDEX characters_user_id_idx ON characters (user_id);
CREATE INDEX characters_project_id_idx ON characters (project_id);

ALTER TABLE assets
  ADD CONSTRAINT assets_user_id_fkey FOREIGN KEY (user_id) REFERENCES accounts (id) ON DELETE CASCADE,
  ADD CONSTRAINT assets_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE SET NULL;
CREATE INDEX assets_user_id_idx ON assets (user_id);
CREATE INDEX assets_project_id_idx ON assets (project_id);

ALTER TABLE sessions
  ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES accounts (id) ON DELETE CASCADE;
CREATE INDEX sessions_user_id_idx ON sessions (user_id);

-- Without fresh statistics the first run of a script would be planned as if the tables were empty.
ANALYZE accounts, projects, characters, assets, sessions;

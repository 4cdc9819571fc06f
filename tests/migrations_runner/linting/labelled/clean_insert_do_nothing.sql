-- expect: clean
-- catalog: none
INSERT INTO roles (name) VALUES ('admin'), ('user') ON CONFLICT DO NOTHING;

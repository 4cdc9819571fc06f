-- The small publishing application before its cutover: people, their books, the characters in them,
-- pictures, and who is logged in. No universes: bringing those in is what the example scripts do.
-- Keys and indexes follow in world_keys.sql, after the rows: one pass for all, not one look a row.

CREATE TABLE accounts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email text NOT NULL UNIQUE,
  name text NOT NULL CHECK (name <> ''),
  created_at timestamptz NOT NULL DEFAULT now()
);

-- The application calls a book a project. So does its plan, so the table keeps the name.
CREATE TABLE projects (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL,
  title text NOT NULL CHECK (title <> ''),
  status text NOT NULL DEFAULT 'draft'
    CHECK (status IN ('draft', 'in_review', 'published', 'archived')),
  age_range text NOT NULL DEFAULT '6-12',
  template text NOT NULL DEFAULT 'adventure',
  page_count integer NOT NULL DEFAULT 0 CHECK (page_count >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE characters (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL,
  project_id uuid,
  name text NOT NULL CHECK (name <> ''),
  part text NOT NULL DEFAULT 'supporting' CHECK (part IN ('lead', 'supporting', 'villain')),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE assets (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL,
  project_id uuid,
  type text NOT NULL CHECK (type IN ('illustration', 'cover', 'audio')),
  name text NOT NULL CHECK (name <> ''),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now()
);

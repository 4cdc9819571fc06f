-- expect: set-not-null-scans@3
-- catalog: none
ALTER TABLE "auth_user" ALTER COLUMN "nickname" SET NOT NULL;

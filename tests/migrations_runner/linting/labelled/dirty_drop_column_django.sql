-- expect: drop-destroys-data@3
-- catalog: none
ALTER TABLE "auth_user" DROP COLUMN "middle_name" CASCADE;

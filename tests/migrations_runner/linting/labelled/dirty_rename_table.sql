-- expect: rename-breaks-code@3
-- catalog: none
ALTER TABLE "blog_post" RENAME TO "blog_article";

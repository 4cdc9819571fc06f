-- expect: key-builds-index@3
-- catalog: none
ALTER TABLE audit ADD PRIMARY KEY (id);

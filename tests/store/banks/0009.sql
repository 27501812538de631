BEGIN TRANSACTION;
CREATE TABLE adapters (
	id INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	name TEXT, 
	folded TEXT, 
	CONSTRAINT pk_adapters PRIMARY KEY (id), 
	CONSTRAINT uq_adapters_digest UNIQUE (digest)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0009');
CREATE TABLE bank (
	id INTEGER NOT NULL, 
	uid BLOB NOT NULL, 
	created BIGINT NOT NULL, 
	images TEXT, 
	settings TEXT, 
	CONSTRAINT pk_bank PRIMARY KEY (id), 
	CONSTRAINT ck_bank_only_one CHECK (id = 1)
);
INSERT INTO "bank" VALUES(1,X'01A208D4DCFA7CB5AC72059756C00E53',1795444497612430,NULL,NULL);
CREATE TABLE "blobs" (
	id INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	size BIGINT NOT NULL, 
	media_type TEXT NOT NULL, 
	location TEXT, 
	CONSTRAINT pk_blobs PRIMARY KEY (id), 
	CONSTRAINT uq_blobs_digest UNIQUE (digest)
);
INSERT INTO "blobs" VALUES(1,X'C6EE568DAE9793B12A1F72071D0D3475B7B380D2C75431CE0DBE22AD64307D38',40000,'image/png',NULL);
INSERT INTO "blobs" VALUES(2,X'01212F95B58C36B305BC9903925795D921F71493E70FFF9311E55741222551BC',40000,'image/png',NULL);
INSERT INTO "blobs" VALUES(3,X'DBC0521D1E15863EA10432FD5EB5A4E046C1CA9316DD3F56A4B2080AB2B4176B',40000,'image/png',NULL);
INSERT INTO "blobs" VALUES(4,X'2697A651A9590A27CD66F57CFB8EA51E6D2AF081985A22559C08B97150685BD7',40000,'image/png',NULL);
CREATE TABLE collection_items (
	collection_id BIGINT NOT NULL, 
	image_id BIGINT NOT NULL, 
	position DOUBLE NOT NULL, 
	CONSTRAINT pk_collection_items PRIMARY KEY (collection_id, image_id), 
	CONSTRAINT fk_collection_items_collection_id FOREIGN KEY(collection_id) REFERENCES collections (id), 
	CONSTRAINT fk_collection_items_image_id FOREIGN KEY(image_id) REFERENCES images (id)
)
 WITHOUT ROWID

;
CREATE TABLE collections (
	id INTEGER NOT NULL, 
	uid BLOB NOT NULL, 
	name TEXT NOT NULL, 
	folded TEXT NOT NULL, 
	created BIGINT NOT NULL, 
	user_id BIGINT NOT NULL, 
	cover_id BIGINT, "query" TEXT, 
	CONSTRAINT pk_collections PRIMARY KEY (id), 
	CONSTRAINT fk_collections_cover_id FOREIGN KEY(cover_id) REFERENCES images (id), 
	CONSTRAINT fk_collections_user_id FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_collections_folded UNIQUE (folded), 
	CONSTRAINT uq_collections_uid UNIQUE (uid)
);
CREATE TABLE edges (
	child_id BIGINT NOT NULL, 
	parent_id BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	CONSTRAINT pk_edges PRIMARY KEY (child_id, parent_id, kind), 
	CONSTRAINT fk_edges_child_id FOREIGN KEY(child_id) REFERENCES entries (id), 
	CONSTRAINT fk_edges_parent_id FOREIGN KEY(parent_id) REFERENCES entries (id)
)
 WITHOUT ROWID

;
INSERT INTO "edges" VALUES(2,1,'variant-of');
CREATE TABLE "entries" (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	uid BLOB NOT NULL, 
	added BIGINT NOT NULL, 
	created BIGINT, 
	user_id BIGINT NOT NULL, 
	origin TEXT NOT NULL, 
	recipe_id BIGINT, 
	environment_id BIGINT, 
	model_id BIGINT, 
	image_id BIGINT, 
	blob_id BIGINT, 
	trace_digest BLOB, trace_size BIGINT, 
	output TEXT, 
	obstacles TEXT, 
	details TEXT, 
	run_id BIGINT, 
	trashed BIGINT, verdict TEXT, prompt_id BIGINT CONSTRAINT fk_entries_prompt_id REFERENCES prompts (id), method_id BIGINT CONSTRAINT fk_entries_method_id REFERENCES methods (id), size_id BIGINT CONSTRAINT fk_entries_size_id REFERENCES sizes (id), seed BIGINT, steps BIGINT, cfg DOUBLE, 
	CONSTRAINT fk_entries_blob_id FOREIGN KEY(blob_id) REFERENCES blobs (id), 
	CONSTRAINT fk_entries_environment_id FOREIGN KEY(environment_id) REFERENCES environments (id), 
	CONSTRAINT fk_entries_image_id FOREIGN KEY(image_id) REFERENCES images (id), 
	CONSTRAINT fk_entries_model_id FOREIGN KEY(model_id) REFERENCES models (id), 
	CONSTRAINT fk_entries_recipe_id FOREIGN KEY(recipe_id) REFERENCES recipes (id), 
	CONSTRAINT fk_entries_run_id FOREIGN KEY(run_id) REFERENCES runs (id), 
	CONSTRAINT fk_entries_user_id FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_entries_uid UNIQUE (uid)
);
INSERT INTO "entries" VALUES(1,X'01A208D4DDC07757A44003CFF9EC86C2',1795444497747968,1767312000000000,1,'generated',1,1,1,1,1,X'EDB87E49441B3EC22807ED8098A593A75C32CD969B1DD7A395696B3F3CC0BC21',900,'{"peak_memory":812000000,"seconds":{"decode":0.05,"denoise":0.9,"prompt":0.01}}',NULL,NULL,NULL,NULL,'close',1,1,1,-9223372036854775807,8,5.5);
INSERT INTO "entries" VALUES(2,X'01A208D4E008713595DF9D2AEF785EEB',1795444498387955,NULL,1,'generated',2,1,1,2,3,X'410E9D2E9BEFFB0C9EDF96D8E2D93A92512675E13D7FAA1BCFB1A89B67A12261',900,'{"peak_memory":812000000,"seconds":{"decode":0.05,"denoise":0.9,"prompt":0.01}}',NULL,NULL,1,NULL,'blocked',4,1,1,9223372036854775807,8,5.5);
INSERT INTO "entries" VALUES(3,X'01A208D4E00971A1908DA69987756499',1795444498387955,NULL,1,'imported',3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"raw":"x"}',NULL,1795444498663718,NULL,3,1,1,-9223372036854775808,8,5.5);
INSERT INTO "entries" VALUES(4,X'01A208D4E00A7EA3B2A9C2CBBFAB3923',1795444498387955,NULL,1,'added',NULL,NULL,NULL,3,NULL,NULL,NULL,NULL,'["Nothing is known of it."]',NULL,NULL,NULL,NULL,NULL,NULL,2,NULL,NULL,NULL);
INSERT INTO "entries" VALUES(5,X'01A208D4E052752DBC854EAD3CC5DB34',1795444498469919,NULL,1,'generated',4,1,1,4,4,X'E6A6245EDDE7EE135C591C76E28322FBCA490D88ED11BC3A682CE636D77DEE4F',900,'{"peak_memory":812000000,"seconds":{"decode":0.05,"denoise":0.9,"prompt":0.01}}',NULL,NULL,2,NULL,NULL,5,1,1,-9223372036854775805,8,5.5);
CREATE TABLE entry_adapters (
	adapter_id BIGINT NOT NULL, 
	entry_id BIGINT NOT NULL, 
	CONSTRAINT pk_entry_adapters PRIMARY KEY (adapter_id, entry_id), 
	CONSTRAINT fk_entry_adapters_adapter_id FOREIGN KEY(adapter_id) REFERENCES adapters (id), 
	CONSTRAINT fk_entry_adapters_entry_id FOREIGN KEY(entry_id) REFERENCES entries (id)
)
 WITHOUT ROWID

;
CREATE TABLE entry_inputs (
	entry_id BIGINT NOT NULL, 
	position INTEGER NOT NULL, 
	blob_id BIGINT NOT NULL, 
	CONSTRAINT pk_entry_inputs PRIMARY KEY (entry_id, position), 
	CONSTRAINT fk_entry_inputs_blob_id FOREIGN KEY(blob_id) REFERENCES blobs (id), 
	CONSTRAINT fk_entry_inputs_entry_id FOREIGN KEY(entry_id) REFERENCES entries (id)
)
 WITHOUT ROWID

;
INSERT INTO "entry_inputs" VALUES(1,0,2);
CREATE TABLE entry_payloads (
	entry_id BIGINT NOT NULL, 
	position INTEGER NOT NULL, 
	place TEXT NOT NULL, 
	payload_id BIGINT NOT NULL, 
	raw_id BIGINT, 
	CONSTRAINT pk_entry_payloads PRIMARY KEY (entry_id, position), 
	CONSTRAINT fk_entry_payloads_entry_id FOREIGN KEY(entry_id) REFERENCES entries (id), 
	CONSTRAINT fk_entry_payloads_payload_id FOREIGN KEY(payload_id) REFERENCES payloads (id), 
	CONSTRAINT fk_entry_payloads_raw_id FOREIGN KEY(raw_id) REFERENCES payloads (id)
)
 WITHOUT ROWID

;
INSERT INTO "entry_payloads" VALUES(5,0,'png:parameters',1,NULL);
INSERT INTO "entry_payloads" VALUES(5,1,'exif:UserComment',2,3);
CREATE TABLE environment_parts (
	environment_id BIGINT NOT NULL, 
	part_id BIGINT NOT NULL, 
	CONSTRAINT pk_environment_parts PRIMARY KEY (environment_id, part_id), 
	CONSTRAINT fk_environment_parts_environment_id FOREIGN KEY(environment_id) REFERENCES environments (id), 
	CONSTRAINT fk_environment_parts_part_id FOREIGN KEY(part_id) REFERENCES parts (id)
)
 WITHOUT ROWID

;
INSERT INTO "environment_parts" VALUES(1,1);
INSERT INTO "environment_parts" VALUES(1,2);
INSERT INTO "environment_parts" VALUES(1,3);
INSERT INTO "environment_parts" VALUES(1,4);
CREATE TABLE environments (
	id INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	CONSTRAINT pk_environments PRIMARY KEY (id), 
	CONSTRAINT uq_environments_digest UNIQUE (digest)
);
INSERT INTO "environments" VALUES(1,X'C4B065B6A487C96538B2BFB0981A47E96A4028F009D155CACCA2483F3487A4A9');
CREATE TABLE image_tags (
	image_id BIGINT NOT NULL, 
	tag_id BIGINT NOT NULL, 
	CONSTRAINT pk_image_tags PRIMARY KEY (image_id, tag_id), 
	CONSTRAINT fk_image_tags_image_id FOREIGN KEY(image_id) REFERENCES images (id), 
	CONSTRAINT fk_image_tags_tag_id FOREIGN KEY(tag_id) REFERENCES tags (id)
)
 WITHOUT ROWID

;
INSERT INTO "image_tags" VALUES(1,2);
CREATE TABLE images (
	id INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	mode TEXT, 
	width BIGINT, 
	height BIGINT, 
	phash BIGINT, 
	CONSTRAINT pk_images PRIMARY KEY (id), 
	CONSTRAINT uq_images_digest UNIQUE (digest)
);
INSERT INTO "images" VALUES(1,X'73EC6360EBDC32F5D69C3DFA8ED2C563B4F2BD3896C5655910E784945EDBD81F','RGB',128,128,3000461313991434820);
INSERT INTO "images" VALUES(2,X'D28D5B12664966158492F216D29CC6BE4479D17760D5811ADDEB7E6BDAAF92FE','RGB',128,128,-5190945508327602119);
INSERT INTO "images" VALUES(3,X'DA25C2DD5DCB523B2E7C0E512B85F2CF854835169A532B1C9653B25CEC643599','RGB',8,8,NULL);
INSERT INTO "images" VALUES(4,X'41A3D4D4BC680B7AB0F5D1ADBFDF27D6383F3F5BA28D50B29A4D549361AF8EE9','RGB',128,128,5690305546211995003);
CREATE TABLE import_files (
	folder_id BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	mtime_ns BIGINT NOT NULL, 
	inode BIGINT NOT NULL, 
	digest BLOB NOT NULL, 
	entry_id BIGINT NOT NULL, 
	CONSTRAINT pk_import_files PRIMARY KEY (folder_id, name), 
	CONSTRAINT fk_import_files_folder_id FOREIGN KEY(folder_id) REFERENCES import_folders (id), 
	CONSTRAINT fk_import_files_entry_id FOREIGN KEY(entry_id) REFERENCES entries (id)
)
 WITHOUT ROWID

;
INSERT INTO "import_files" VALUES(1,'猫.png',100,1000000000000000000,1099511627776,X'4A21B8DE66C27A044CF778F32C4BE0BB9C121B3AF3888A618ACC4A64B59824C1',5);
CREATE TABLE import_folders (
	id INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	CONSTRAINT pk_import_folders PRIMARY KEY (id), 
	CONSTRAINT uq_import_folders_path UNIQUE (path)
);
INSERT INTO "import_folders" VALUES(1,'/pictures');
CREATE TABLE methods (
	id INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	pipeline TEXT, 
	scheduler TEXT, 
	config TEXT, 
	dtypes TEXT, 
	CONSTRAINT pk_methods PRIMARY KEY (id), 
	CONSTRAINT uq_methods_digest UNIQUE (digest)
);
INSERT INTO "methods" VALUES(1,X'8193F6BE52B4EB1484C118FDA033B8F180B278EBE3B0052BB8DF44CF85238634','ZImagePipeline','FlowMatchEulerDiscreteScheduler','{"setting_0":0,"setting_1":0.14285714285714285,"setting_10":1.4285714285714286,"setting_11":1.5714285714285714,"setting_12":1.7142857142857142,"setting_13":1.8571428571428572,"setting_14":2,"setting_15":2.142857142857143,"setting_16":2.2857142857142856,"setting_17":2.4285714285714284,"setting_18":2.5714285714285716,"setting_19":2.7142857142857144,"setting_2":0.2857142857142857,"setting_3":0.42857142857142855,"setting_4":0.5714285714285714,"setting_5":0.7142857142857143,"setting_6":0.8571428571428571,"setting_7":1,"setting_8":1.1428571428571428,"setting_9":1.2857142857142858}','{"text_encoder":"float32","transformer":"float32","vae":"float32"}');
CREATE TABLE model_files (
	model_id BIGINT NOT NULL, 
	path TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	sha256 BLOB NOT NULL, 
	CONSTRAINT pk_model_files PRIMARY KEY (model_id, path), 
	CONSTRAINT fk_model_files_model_id FOREIGN KEY(model_id) REFERENCES models (id)
)
 WITHOUT ROWID

;
INSERT INTO "model_files" VALUES(1,'text_encoder/model.safetensors',1000,X'EBA031409150043EBCD01C727AC57C57A8CFFC6877D7C7A025C390E888E375D6');
INSERT INTO "model_files" VALUES(1,'unet/model.safetensors',1000,X'5F0B43245BE15626B936C52B80DCCFCE4816FEC887099DC285B58E4E7AAFA119');
INSERT INTO "model_files" VALUES(1,'vae/model.safetensors',1000,X'2BF7A56E2C37B380D160D16B6D006AFC128939EF467DD8C0E288F94D1BEB6B76');
CREATE TABLE models (
	id INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	name TEXT, 
	folded TEXT, 
	pipeline TEXT, 
	source TEXT, 
	revision TEXT, 
	variant TEXT, 
	config TEXT, 
	CONSTRAINT pk_models PRIMARY KEY (id), 
	CONSTRAINT uq_models_digest UNIQUE (digest)
);
INSERT INTO "models" VALUES(1,X'4C678943F18225CF2AA5CF2C7554500E154A49F328AC7694BB733088D983C075','embedded','embedded','ZImagePipeline','embedded','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',NULL,NULL);
CREATE TABLE operations (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	uid BLOB NOT NULL, 
	kind TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	user_id BIGINT NOT NULL, 
	details TEXT, 
	CONSTRAINT fk_operations_user_id FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_operations_uid UNIQUE (uid)
);
INSERT INTO "operations" VALUES(1,X'01A208D4DCFB761DAA910C3CB9A14A98','create bank',1795444497612430,1,NULL);
INSERT INTO "operations" VALUES(2,X'01A208D4DDD9786BB7E78C095DDA82C5','add',1795444497747968,1,'{"entries":"1"}');
INSERT INTO "operations" VALUES(3,X'01A208D4DDE57941A6E7AF52D18DD85E','tag',1795444497747968,1,'{"entries":"1","tags":["poster","Café"]}');
INSERT INTO "operations" VALUES(4,X'01A208D4DE4B7A8E9C00AB990DA893B5','start run',1795444497987923,1,'{"entries":"1","run":1}');
INSERT INTO "operations" VALUES(5,X'01A208D4E0167A86AA15A18BA68ED331','add',1795444498387955,1,'{"entries":"2..4"}');
INSERT INTO "operations" VALUES(6,X'01A208D4E0307AE7BEA136C5D8E5CDD4','import',1795444498469919,1,'{"name":"old-ones","paths":["/pictures"],"run":2}');
INSERT INTO "operations" VALUES(7,X'01A208D4E077704AACBF34D026B95A6D','favourite',1795444498549357,1,'{"entries":"1,4","value":true}');
INSERT INTO "operations" VALUES(8,X'01A208D4E0957F0AAC295962E76E2136','rating',1795444498569609,2,'{"entries":"1","value":5}');
INSERT INTO "operations" VALUES(9,X'01A208D4E09C72F69B25F1C1EDBD8C94','note',1795444498584617,1,'{"entries":"2","value":"client''s choice"}');
INSERT INTO "operations" VALUES(10,X'01A208D4E0A67D9896944A050AE8ECFC','untag',1795444498592861,1,'{"entries":"1","tags":["poster"]}');
INSERT INTO "operations" VALUES(11,X'01A208D4E0AE71DF9A94D363EE03C8A8','regenerate',1795444498600710,1,'{"entries":"1","regeneration":1}');
INSERT INTO "operations" VALUES(12,X'01A208D4E0BF71AA8EEAB940DF35C59D','regenerate',1795444498613778,1,'{"entries":"1","regeneration":2}');
INSERT INTO "operations" VALUES(13,X'01A208D4E0CB75F9ACC0C3A04392A908','regenerate',1795444498632460,1,'{"entries":"1","regeneration":3}');
INSERT INTO "operations" VALUES(14,X'01A208D4E0DC7AA3A9250DC38988E87D','regenerate',1795444498642011,1,'{"entries":"1","regeneration":4}');
INSERT INTO "operations" VALUES(15,X'01A208D4E0E1787A9BB5F421750E934D','regenerate',1795444498655905,1,'{"entries":"2","regeneration":5}');
INSERT INTO "operations" VALUES(16,X'01A208D4E0E87826A9AEBE2616844A72','rm',1795444498663718,1,'{"entries":"3"}');
CREATE TABLE "opinion_events" (
	id INTEGER NOT NULL, 
	image_id BIGINT NOT NULL, 
	operation_id BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	value TEXT, 
	user_id BIGINT, 
	at BIGINT, 
	CONSTRAINT pk_opinion_events PRIMARY KEY (id), 
	CONSTRAINT fk_opinion_events_image_id FOREIGN KEY(image_id) REFERENCES images (id), 
	CONSTRAINT fk_opinion_events_operation_id FOREIGN KEY(operation_id) REFERENCES operations (id), 
	CONSTRAINT fk_opinion_events_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);
INSERT INTO "opinion_events" VALUES(1,1,3,'tag','"poster"',NULL,NULL);
INSERT INTO "opinion_events" VALUES(2,1,3,'tag','"Café"',NULL,NULL);
INSERT INTO "opinion_events" VALUES(3,1,7,'favourite','true',NULL,NULL);
INSERT INTO "opinion_events" VALUES(4,3,7,'favourite','true',NULL,NULL);
INSERT INTO "opinion_events" VALUES(5,1,8,'rating','5',NULL,NULL);
INSERT INTO "opinion_events" VALUES(6,2,9,'note','"client''s choice"',NULL,NULL);
INSERT INTO "opinion_events" VALUES(7,1,10,'untag','"poster"',NULL,NULL);
CREATE TABLE opinions (
	image_id BIGINT NOT NULL, 
	user_id BIGINT NOT NULL, 
	favourite BOOLEAN NOT NULL, 
	rating SMALLINT, 
	note TEXT, 
	CONSTRAINT pk_opinions PRIMARY KEY (image_id, user_id), 
	CONSTRAINT ck_opinions_rating CHECK (rating BETWEEN 0 AND 5), 
	CONSTRAINT fk_opinions_image_id FOREIGN KEY(image_id) REFERENCES images (id), 
	CONSTRAINT fk_opinions_user_id FOREIGN KEY(user_id) REFERENCES users (id)
)
 WITHOUT ROWID

;
INSERT INTO "opinions" VALUES(1,1,1,NULL,NULL);
INSERT INTO "opinions" VALUES(1,2,0,5,NULL);
INSERT INTO "opinions" VALUES(2,1,0,NULL,'client''s choice');
INSERT INTO "opinions" VALUES(3,1,1,NULL,NULL);
CREATE TABLE parts (
	id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_parts PRIMARY KEY (id), 
	CONSTRAINT uq_parts_kind_digest UNIQUE (kind, digest)
);
INSERT INTO "parts" VALUES(1,'system',X'2C5512BABBF5866688ABE8B3F3AE57EC0C23802A309F913F5C89815784C97144','{"libc":"glibc 2.36","os":"Linux","python":"3.11.7"}');
INSERT INTO "parts" VALUES(2,'distributions',X'DE6CD328A9B068DB228B6B98682B97037ACE7D6FE1B3CC41FCE1CD6E743684D1','{"distribution-0":{"record":"91d6039a01f57163ec02db197e5481ffc170187e262006fa833b26f0cc064633","version":"1.0"},"distribution-1":{"record":"28cb03b06c288e88c6a880eeba293bf9c9bb9fa586128586459a486a511f832f","version":"1.1"},"distribution-10":{"record":"3623a2e9858c067d563fa6b3354b7a7045038331fe0d34a8c4ff773aa932df16","version":"1.10"},"distribution-11":{"record":"d66a370d279e628b5a673f72a41f1865d81c57a4b40baa6e20f58e29a93e1f80","version":"1.11"},"distribution-12":{"record":"dfece6a4d63315010fed9a2876fbd8b5b508bf7db1ae48fc84d401a56c8af8f0","version":"1.12"},"distribution-13":{"record":"f4998cc8d9fdd7b117184d829b5e6a0fa244b6c637722f3117a5f2388e9f5d75","version":"1.13"},"distribution-14":{"record":"187d5a0656b543825419abcbdedd529686c71c055fc7efecc4f47cc51c6bf1c0","version":"1.14"},"distribution-15":{"record":"4fdda04c7f662284dff0638f584b9ef030cc7c7ebcc515a78b40c937d0731aad","version":"1.15"},"distribution-16":{"record":"0a480dc88dda3c668515f007a15342b6aa6e76c432f3e3b51872102821af0c33","version":"1.16"},"distribution-17":{"record":"78232db12513359fd15f50af29a5f783ce6ee7e6c4acb032deeea86e21225878","version":"1.17"},"distribution-18":{"record":"25cfb52fcfe22d75c6c665e25e2cc15381da57e426095a53b525ac5da740b873","version":"1.18"},"distribution-19":{"record":"d9220edbfa6b330ba1ba2ca1591e5896c08a18a550087d50361f921c798d346f","version":"1.19"},"distribution-2":{"record":"0555debc8a6534944b0c566bdb92c2b72a14a9b1564b8e9920191f65e049ce4a","version":"1.2"},"distribution-20":{"record":"821902cf7e596f655f5277b2f652da58eb5673dc6a7155a8efc3c3eeed00fccb","version":"1.20"},"distribution-21":{"record":"dafc7efeb7356f61ae74178a8c15785851f2b2f54871e103c97d27ce4661a155","version":"1.21"},"distribution-22":{"record":"0e4fc813171d4bc931f4af883b6e2d72e56fa356ed72e28636a8928370092145","version":"1.22"},"distribution-23":{"record":"5503efdc6ad9dccebac8fe307c98c3bee3492bd6496a1705c42dfe47271252cd","version":"1.23"},"distribution-24":{"record":"46ff29167351b465ba887b52b52ebddfd407ee7c8781d11225ad285541d89be5","version":"1.24"},"distribution-25":{"record":"67884d458137abc10c8d2c6869ec99a74a7635be969bc737caab35216b3ef11d","version":"1.25"},"distribution-26":{"record":"29a680646cefaff3c6f352850e37dce8b3bfae90a2ab07737abf6fe68791fe9f","version":"1.26"},"distribution-27":{"record":"ce7ccce47fb225875f116283154e7f8adf0f697e32d132d9444ec0f1ca74de93","version":"1.27"},"distribution-28":{"record":"9f256d9b79343eaa544274d79a7ea140a1e0787dbde15dc3212b476e1fad898f","version":"1.28"},"distribution-29":{"record":"7c077263a4b1b8a2cbcd4ef4147366b579f52b06c8ce7cf4c5d018b4100510e5","version":"1.29"},"distribution-3":{"record":"4079e4af87d7d813c698db35d58eab6fd13988b0ab8eeb87523f8eccae2d2e98","version":"1.3"},"distribution-30":{"record":"0d99aae3df50461f1b115a87094f6ae9d25e40d08133ad05350435014bac76b2","version":"1.30"},"distribution-31":{"record":"f56a3e9962be711f57c0b58842176b10f05420ff76a7433f763fa5894641083f","version":"1.31"},"distribution-32":{"record":"ab344921928c5b3d4f74f7c647c69a7df7a0713a7f4045aa86d53dd8452f5ff0","version":"1.32"},"distribution-33":{"record":"bfa1862dfc3d5b805cdd1ea80b3b5866dad19da06a5d29cc7dad9cb81a477efb","version":"1.33"},"distribution-34":{"record":"a97f6d93c2eab9c2527912ccf72c79381e615cee2871bb95ce0674fdb8bb31b0","version":"1.34"},"distribution-35":{"record":"d4109b4f719438d104c4b69718d3251b927cc84b0fcf794ecb28c6845f6e3bda","version":"1.35"},"distribution-36":{"record":"40f5a64b1398701d67d687046a74c872e2818ad95624e733ac8fb6f26a3460c7","version":"1.36"},"distribution-37":{"record":"b07cad8237398fa232c2439bc86cf74297ca3302121f2b1a62aeafbc7f291ae6","version":"1.37"},"distribution-38":{"record":"5e784258e23111e591cdb02cfbe7edf9df2e517c110a13062ac9a80d9f686d0b","version":"1.38"},"distribution-39":{"record":"fa88950f3d13740038c16c28fc01545743542038ea529609b91455d3a7c80b6c","version":"1.39"},"distribution-4":{"record":"3912a1d67a34110e64fafba35d047a5c5a25d02720a2a3951311518803e6fc47","version":"1.4"},"distribution-40":{"record":"13a299db68f90cdd5a98db31e45036578c63fc7afe90f543b67f00be64d0157f","version":"1.40"},"distribution-41":{"record":"bcd913dfeb5d41b07588e4ad9a05dddf563b53da7cc82987ce37293e4378cd62","version":"1.41"},"distribution-42":{"record":"41f79b5ef5ad1e2eb210f7de0701a0d93d5b0f6f94d578f0dcb5b65a263d2655","version":"1.42"},"distribution-43":{"record":"6b86887f2083bbc2cc67216055ce719994afcb9c5b7722ec10d7e12dc7b03448","version":"1.43"},"distribution-44":{"record":"03d060ee931de8ebedf160b4ab0d4988ab96f4dd51a67e34df32c63b44c333d6","version":"1.44"},"distribution-45":{"record":"d191274a09f80cfc352cafed0399344435269b287a15250717135084f8692ee7","version":"1.45"},"distribution-46":{"record":"00f040c6d875f6cba9d659e4b58a6cf84a4225944ee2a9443936fa5020c515a9","version":"1.46"},"distribution-47":{"record":"a5b32698cbdf7d9092137589c28f70d3b7484ae040eeb55286918f6fa0c8fa91","version":"1.47"},"distribution-48":{"record":"c1f348f4fd6a452ea91b0beb06a610a90004e9fbc99d62450dda14fd64afa57c","version":"1.48"},"distribution-49":{"record":"68af48d9d0b9f25aeec78db780208adf3e36663cf863fe5cb51e4f4e5a81e740","version":"1.49"},"distribution-5":{"record":"666aa17826ad39129d061f3c3467d1b7139904b3448383ec9861b51c7522e553","version":"1.5"},"distribution-50":{"record":"6a412d8e8537770131e25a0cf514eef114a2948a3ec6031518535e99c2992f64","version":"1.50"},"distribution-51":{"record":"c11b8e46bf832acdef6e248ba8aa21805c15c61a51191efd0cf2ee95ecb096fd","version":"1.51"},"distribution-52":{"record":"72f4694c59823812c4cfd82336dc624a455968cd5b52b420621d93da684c5b65","version":"1.52"},"distribution-53":{"record":"946edd5365af3ac1884d300b269f1e70c2e0416211b6a96ad7f4d3d9e9984db8","version":"1.53"},"distribution-54":{"record":"565485e2f475d4f817ccde78f8e57cb404384492dc0117081e4dc310a946077b","version":"1.54"},"distribution-55":{"record":"5e6cb71c9fb89b8bab8cb3860db26cfaa39e13daec65b4674b36cfda20562ae8","version":"1.55"},"distribution-56":{"record":"568f1b83263a4496a8d8d70d10d469db53556e834220e3025ca4d98c4e5ea3ac","version":"1.56"},"distribution-57":{"record":"e2848723b296d129ba3e6cd0893ef65b5eff7a951dcd00f29577571f78495150","version":"1.57"},"distribution-58":{"record":"7d7be7009a446c10567ecdab943da39de8ac1deac218126af5b4584061cd9813","version":"1.58"},"distribution-59":{"record":"fd5e516308a2cd1a08e9a997115a4a3f9e2d114c7c038a4a23a46eb3b46c2041","version":"1.59"},"distribution-6":{"record":"3af5d6e7f9476d9d4e87dbae192b638574daaf75257b5695e32c15e9d696ef66","version":"1.6"},"distribution-60":{"record":"9053d01727f35cfdbbbd7284dba5e54ee557e5fc33084045dbc6fec2cb8730f7","version":"1.60"},"distribution-61":{"record":"da9f4a8edfb67347c236f7df7dea642f0e455d0718c2458cfa18ea5d76142940","version":"1.61"},"distribution-62":{"record":"7651a390761f91be3dbea863e908d106326259b371a273cdb63002bd406c0952","version":"1.62"},"distribution-63":{"record":"9138ff35047962e251ba67f8f9264ed1e4e63b5605b3cbcca1f54d26796df40c","version":"1.63"},"distribution-64":{"record":"9782456255fe8170249b8dfb10717825e64c71c5e7216f2f28ed301b837e5e27","version":"1.64"},"distribution-65":{"record":"a7da76809d43d2a1cfca20c85ab111b6fac2e7b9382fa1c1d536699fb4b6d4f2","version":"1.65"},"distribution-66":{"record":"02285b252f0bf0676a102c685e9d1ddafce4d0c9a3494b25f28126a42604979d","version":"1.66"},"distribution-67":{"record":"5cf91703c6a4d4b367b6b9463bd21af3f75ccea975555d6ebf7a9423461dbce1","version":"1.67"},"distribution-68":{"record":"83c7b93efb297349b76d93801780e9a601aa9b711908adc0a2ec5f99ff528563","version":"1.68"},"distribution-69":{"record":"3d8cdbae90a11727581d17d7841dae596dc352490963e7318594e6e7415de260","version":"1.69"},"distribution-7":{"record":"24a6ade6d35f1e5ecc7a2982ec631d0848f6d1a5bd903c1be2c04491e4cc224c","version":"1.7"},"distribution-70":{"record":"9a207ce6f69e645c1ebffe5c3ae89767b694095f043d1bca4813a3229f3b43dd","version":"1.70"},"distribution-71":{"record":"236bea470ace23f09c85ca85c799eb8cbdf768106387975a28a9abd461f00c58","version":"1.71"},"distribution-72":{"record":"b96ee83c13fbefcc021792f6e47a11c4ca34bc280275b609bc37e4158c3bfe1d","version":"1.72"},"distribution-73":{"record":"da5f61ff4907f5fbdd40f58705af7cbc3b7e48c30398ec650f73700bf4a45694","version":"1.73"},"distribution-74":{"record":"41472022390c6d22aa5977a4430fb5c54ab14dd554cf3adc2a9725f851b7a3f4","version":"1.74"},"distribution-75":{"record":"d3a2721f9c02e84d0c8da47ef76876cf62938e64c401d83b9cd0c36e8dc242b9","version":"1.75"},"distribution-76":{"record":"79f6b4732bbe4772f410706825a1c1ce5bf1ac699fe980995346768559bb5850","version":"1.76"},"distribution-77":{"record":"80b9f8f4218bab64aff7236393df71692ccbfd691d9782fa00660af2a3c1ba5e","version":"1.77"},"distribution-78":{"record":"28d4231d86a52ab0685d42322ac613921caebeae7bc9b87f986bf254193b23b8","version":"1.78"},"distribution-79":{"record":"910464418855ed1cd469db15fc603fe3fee9b71756836e1a55e4947152dc4f1b","version":"1.79"},"distribution-8":{"record":"8c98d396d4e298913f14ad3186e933dcf7c381317bff365d582835405c2c45dc","version":"1.8"},"distribution-9":{"record":"6fd93f706bb5fdabca59b7e431f5825913b43bcf192a5ff7ee061c8e9874a6bf","version":"1.9"},"torch":{"record":"70fa1d287b412a368e9929b97479432c7fdedbc0a2753a3c810269532161dea0","version":"2.13.0"}}');
INSERT INTO "parts" VALUES(3,'hardware',X'7D9238495C964A77BB6BCF773288FAA2BE8B7532A9582BBAE4BAC66776AEB8D4','{"cpu":{"flags":["avx2","avx512f"],"model":"EPYC"}}');
INSERT INTO "parts" VALUES(4,'profile',X'F59D321FAEE68240A18909AF474CA872EBF8EF7791E8B8E6153174E5F98AFB6E','{"deterministic":false,"tf32":false,"threads":2}');
CREATE TABLE payloads (
	id INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	body BLOB NOT NULL, 
	CONSTRAINT pk_payloads PRIMARY KEY (id), 
	CONSTRAINT uq_payloads_digest UNIQUE (digest)
);
INSERT INTO "payloads" VALUES(1,X'D86F53075CE113690D2B271E4CD3C2A779678CA2B4941F1D8096BE8F8A34BCFE',X'785E4B54484E2CE10A2E492D28B65230D151084E4D4DB152300700553306BF');
INSERT INTO "payloads" VALUES(2,X'A810BF845A307382118E6E6AEF21A79F6A26B1B3AD2225FE97B7EE4C125E3380',X'785E7BDEB31A00047B021F');
INSERT INTO "payloads" VALUES(3,X'B4C55B497C83C0C547A16789D84190CA57C509E819CF099E18366E871A3492B5',X'785ED32E060000CB009F');
CREATE TABLE postings (
	"key" BIGINT NOT NULL, 
	entry_id BIGINT NOT NULL, 
	CONSTRAINT pk_postings PRIMARY KEY ("key", entry_id)
)
 WITHOUT ROWID

;
INSERT INTO "postings" VALUES(5,1);
INSERT INTO "postings" VALUES(5,4);
INSERT INTO "postings" VALUES(8,1);
INSERT INTO "postings" VALUES(86,1);
CREATE TABLE prompts (
	id INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	text TEXT NOT NULL, 
	tokens TEXT DEFAULT '' NOT NULL, pairs TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_prompts PRIMARY KEY (id), 
	CONSTRAINT uq_prompts_digest UNIQUE (digest)
);
INSERT INTO "prompts" VALUES(1,X'26AF2C464464228575DBF61B1B3AEB0862788480DE188C7CF1AC50720B057ADA','blue circle square star cat lighthouse night watercolour soft light sea red blue circle square star cat lighthouse night watercolour soft light sea red blue circle square star cat lighthouse night watercolour soft light sea red blue circle square star number 1',' blue circle square star cat lighthouse night watercolour soft light sea red blue circle square star cat lighthouse night watercolour soft light sea red blue circle square star cat lighthouse night watercolour soft light sea red blue circle square star number 1 ','');
INSERT INTO "prompts" VALUES(2,X'244B5BF119D68A11E5E22E450C251F1F5B7BE7F0C5A6BB28CC25AB0D7000218D','blurry, low quality',' blurry , low quality ','');
INSERT INTO "prompts" VALUES(3,X'C14A09FFD42200A4D210F64D1E6538EF3BC6BCFCF662BCD184CE9773196ECB00','A planned ENTRY',' a planned entry ','');
INSERT INTO "prompts" VALUES(4,X'1ADFFE163561F560310F432347D8ED1375C9A54C3B2C909F3C16319726E43CDE','一只橘色的星星在夜空',' 一 只 橘 色 的 星 星 在 夜 空 ','一只 只橘 在夜 夜空 星在 星星 橘色 的星 色的');
INSERT INTO "prompts" VALUES(5,X'7FD2839F9AB0C2B3A33B9A090252C9E383E67CDCC60B8C398F4505303D10320E','square lighthouse soft red square lighthouse soft red square lighthouse soft red square lighthouse soft red square lighthouse soft red square lighthouse soft red square lighthouse soft red square lighthouse soft red square lighthouse soft red square lighthouse soft red number 3',' square lighthouse soft red square lighthouse soft red square lighthouse soft red square lighthouse soft red square lighthouse soft red square lighthouse soft red square lighthouse soft red square lighthouse soft red square lighthouse soft red square lighthouse soft red number 3 ','');
CREATE TABLE recipes (
	id INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	settings_id BIGINT NOT NULL, 
	model_id BIGINT, 
	prompt_id BIGINT, 
	negative_id BIGINT, 
	seed BIGINT, 
	steps BIGINT, 
	guidance DOUBLE, 
	width BIGINT, 
	height BIGINT, 
	CONSTRAINT pk_recipes PRIMARY KEY (id), 
	CONSTRAINT fk_recipes_model_id FOREIGN KEY(model_id) REFERENCES models (id), 
	CONSTRAINT fk_recipes_negative_id FOREIGN KEY(negative_id) REFERENCES prompts (id), 
	CONSTRAINT fk_recipes_prompt_id FOREIGN KEY(prompt_id) REFERENCES prompts (id), 
	CONSTRAINT fk_recipes_settings_id FOREIGN KEY(settings_id) REFERENCES settings (id), 
	CONSTRAINT uq_recipes_digest UNIQUE (digest)
);
INSERT INTO "recipes" VALUES(1,X'20EC1F27813F338931600492BF0EFE45150FF306E2FD450924243B7F23EDB75E',1,1,1,2,-9223372036854775807,8,4.5,128,128);
INSERT INTO "recipes" VALUES(2,X'A4A547D10DF4E46949ADC00DC526328CD054F93824251E5FCAB52999035B9FD8',1,1,4,2,9223372036854775807,8,4.5,128,128);
INSERT INTO "recipes" VALUES(3,X'13492C887BFE4A34B2236DC8B047881E6F45A4AC16AFF51F8ABD534BDD40E593',2,NULL,3,2,-9223372036854775808,8,4.5,128,128);
INSERT INTO "recipes" VALUES(4,X'F8A000C1100A3D6AC258B71C4A690BBF8F6921678267F49917A69538414E54A3',1,1,5,2,-9223372036854775805,8,4.5,128,128);
CREATE TABLE "regenerations" (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	uid BLOB NOT NULL, 
	at BIGINT NOT NULL, 
	user_id BIGINT NOT NULL, 
	entry_id BIGINT NOT NULL, 
	run_id BIGINT, 
	verdict TEXT NOT NULL, 
	experiment BOOLEAN NOT NULL, 
	environment_id BIGINT, 
	image_id BIGINT, 
	blob_id BIGINT, 
	trace_digest BLOB, trace_size BIGINT, 
	output TEXT, 
	trace TEXT NOT NULL, 
	first_difference TEXT, 
	drift TEXT, 
	explanation TEXT, 
	evidence TEXT, 
	CONSTRAINT fk_regenerations_blob_id FOREIGN KEY(blob_id) REFERENCES blobs (id), 
	CONSTRAINT fk_regenerations_entry_id FOREIGN KEY(entry_id) REFERENCES entries (id), 
	CONSTRAINT fk_regenerations_environment_id FOREIGN KEY(environment_id) REFERENCES environments (id), 
	CONSTRAINT fk_regenerations_image_id FOREIGN KEY(image_id) REFERENCES images (id), 
	CONSTRAINT fk_regenerations_run_id FOREIGN KEY(run_id) REFERENCES runs (id), 
	CONSTRAINT fk_regenerations_user_id FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_regenerations_run_id_entry_id UNIQUE (run_id, entry_id), 
	CONSTRAINT uq_regenerations_uid UNIQUE (uid)
);
INSERT INTO "regenerations" VALUES(1,X'01A208D4E0A87FFABEC090ABD43D9AE6',1795444498600710,1,1,NULL,'different',0,NULL,NULL,NULL,NULL,NULL,NULL,'absent',NULL,'{"psnr":{"$float":"inf"}}',NULL,NULL);
INSERT INTO "regenerations" VALUES(2,X'01A208D4E0B77F0B8C413F95A775F457',1795444498613778,1,1,NULL,'exact',0,NULL,NULL,NULL,NULL,NULL,NULL,'absent',NULL,'{"psnr":{"$float":"inf"}}',NULL,NULL);
INSERT INTO "regenerations" VALUES(3,X'01A208D4E0CA7450B9AA1453D70ED1DD',1795444498632460,1,1,NULL,'failed',1,NULL,NULL,NULL,NULL,NULL,NULL,'absent',NULL,'{"psnr":{"$float":"inf"}}',NULL,NULL);
INSERT INTO "regenerations" VALUES(4,X'01A208D4E0D7713687DFA0A133BE5FF2',1795444498642011,1,1,1,'close',0,NULL,NULL,NULL,NULL,NULL,NULL,'absent',NULL,NULL,NULL,NULL);
INSERT INTO "regenerations" VALUES(5,X'01A208D4E0E07B30A2C8A20D665CA061',1795444498655905,1,2,NULL,'blocked',0,NULL,NULL,NULL,NULL,NULL,NULL,'absent',NULL,NULL,NULL,NULL);
CREATE TABLE run_entries (
	run_id BIGINT NOT NULL, 
	entry_id BIGINT NOT NULL, 
	CONSTRAINT pk_run_entries PRIMARY KEY (run_id, entry_id), 
	CONSTRAINT fk_run_entries_entry_id FOREIGN KEY(entry_id) REFERENCES entries (id), 
	CONSTRAINT fk_run_entries_run_id FOREIGN KEY(run_id) REFERENCES runs (id)
)
 WITHOUT ROWID

;
INSERT INTO "run_entries" VALUES(1,1);
CREATE TABLE runs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	uid BLOB NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT, 
	digest BLOB NOT NULL, 
	specification TEXT NOT NULL, 
	created BIGINT NOT NULL, 
	user_id BIGINT NOT NULL, finished BIGINT, 
	CONSTRAINT fk_runs_user_id FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_runs_digest UNIQUE (digest), 
	CONSTRAINT uq_runs_name UNIQUE (name), 
	CONSTRAINT uq_runs_uid UNIQUE (uid)
);
INSERT INTO "runs" VALUES(1,X'01A208D4DE4A7EE9920309FC89C2CE47','regen','torch-2.14',X'A2CFBBA0AF5A6491E86D79A470A66989534E635B3123A494912CD71232B6E560','{"tolerance":1}',1795444497987923,1,NULL);
INSERT INTO "runs" VALUES(2,X'01A208D4E02F75C28EEFD7726A2C78D1','import','old-ones',X'8D7C90ADFA184750992FC0F1DA5F1339EC97F375B689F4FAD74031F0D67A71A7','{"copy":true,"paths":["/pictures"]}',1795444498469919,1,1795444498539817);
CREATE TABLE settings (
	id INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_settings PRIMARY KEY (id), 
	CONSTRAINT uq_settings_digest UNIQUE (digest)
);
INSERT INTO "settings" VALUES(1,X'51BCC88F949A8F02DE4359652E4FC5A75E0E73FFFBE1959964EB68EF21720ED9','{"call":{"max_sequence_length":512},"conditioning":{},"dtypes":{"text_encoder":"float32","transformer":"float32","vae":"float32"},"mode":"as-is","noise":{"device":"cpu","dtype":"float32","kind":"torch.randn"},"pipeline":"ZImagePipeline","scheduler":{"class":"FlowMatchEulerDiscreteScheduler","config":{"setting_0":0,"setting_1":0.14285714285714285,"setting_10":1.4285714285714286,"setting_11":1.5714285714285714,"setting_12":1.7142857142857142,"setting_13":1.8571428571428572,"setting_14":2,"setting_15":2.142857142857143,"setting_16":2.2857142857142856,"setting_17":2.4285714285714284,"setting_18":2.5714285714285716,"setting_19":2.7142857142857144,"setting_2":0.2857142857142857,"setting_3":0.42857142857142855,"setting_4":0.5714285714285714,"setting_5":0.7142857142857143,"setting_6":0.8571428571428571,"setting_7":1,"setting_8":1.1428571428571428,"setting_9":1.2857142857142858}},"v":1}');
INSERT INTO "settings" VALUES(2,X'B280373B823C44947C007683BD2004A0A5C07F4514E0F7F2CF453294C3D51DFF','{"call":{"max_sequence_length":512},"conditioning":{},"dtypes":{"text_encoder":"float32","transformer":"float32","vae":"float32"},"noise":{"device":"cpu","dtype":"float32","kind":"torch.randn"},"pipeline":"ZImagePipeline","scheduler":{"class":"FlowMatchEulerDiscreteScheduler","config":{"setting_0":0,"setting_1":0.14285714285714285,"setting_10":1.4285714285714286,"setting_11":1.5714285714285714,"setting_12":1.7142857142857142,"setting_13":1.8571428571428572,"setting_14":2,"setting_15":2.142857142857143,"setting_16":2.2857142857142856,"setting_17":2.4285714285714284,"setting_18":2.5714285714285716,"setting_19":2.7142857142857144,"setting_2":0.2857142857142857,"setting_3":0.42857142857142855,"setting_4":0.5714285714285714,"setting_5":0.7142857142857143,"setting_6":0.8571428571428571,"setting_7":1,"setting_8":1.1428571428571428,"setting_9":1.2857142857142858}},"v":1}');
CREATE TABLE sizes (
	id INTEGER NOT NULL, 
	width BIGINT NOT NULL, 
	height BIGINT NOT NULL, 
	CONSTRAINT pk_sizes PRIMARY KEY (id), 
	CONSTRAINT uq_sizes_width_height UNIQUE (width, height)
);
INSERT INTO "sizes" VALUES(1,128,128);
INSERT INTO "sizes" VALUES(2,8,8);
CREATE TABLE tags (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	folded TEXT NOT NULL, 
	CONSTRAINT pk_tags PRIMARY KEY (id), 
	CONSTRAINT uq_tags_folded UNIQUE (folded)
);
INSERT INTO "tags" VALUES(1,'poster','poster');
INSERT INTO "tags" VALUES(2,'Café','café');
CREATE TABLE users (
	id INTEGER NOT NULL, 
	uid BLOB NOT NULL, 
	name TEXT NOT NULL, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT uq_users_name UNIQUE (name), 
	CONSTRAINT uq_users_uid UNIQUE (uid)
);
INSERT INTO "users" VALUES(1,X'01A208D4DCFC79D2A3945452452E10C7','ann');
INSERT INTO "users" VALUES(2,X'01A208D4E08A7C74A031E6210113B225','bob');
CREATE TABLE vocabulary (
	word TEXT NOT NULL, 
	CONSTRAINT pk_vocabulary PRIMARY KEY (word)
)
 WITHOUT ROWID

;
INSERT INTO "vocabulary" VALUES('1');
INSERT INTO "vocabulary" VALUES('3');
INSERT INTO "vocabulary" VALUES('a');
INSERT INTO "vocabulary" VALUES('blue');
INSERT INTO "vocabulary" VALUES('blurry');
INSERT INTO "vocabulary" VALUES('cat');
INSERT INTO "vocabulary" VALUES('circle');
INSERT INTO "vocabulary" VALUES('entry');
INSERT INTO "vocabulary" VALUES('light');
INSERT INTO "vocabulary" VALUES('lighthouse');
INSERT INTO "vocabulary" VALUES('low');
INSERT INTO "vocabulary" VALUES('night');
INSERT INTO "vocabulary" VALUES('number');
INSERT INTO "vocabulary" VALUES('planned');
INSERT INTO "vocabulary" VALUES('quality');
INSERT INTO "vocabulary" VALUES('red');
INSERT INTO "vocabulary" VALUES('sea');
INSERT INTO "vocabulary" VALUES('soft');
INSERT INTO "vocabulary" VALUES('square');
INSERT INTO "vocabulary" VALUES('star');
INSERT INTO "vocabulary" VALUES('watercolour');
INSERT INTO "vocabulary" VALUES('一');
INSERT INTO "vocabulary" VALUES('只');
INSERT INTO "vocabulary" VALUES('在');
INSERT INTO "vocabulary" VALUES('夜');
INSERT INTO "vocabulary" VALUES('星');
INSERT INTO "vocabulary" VALUES('橘');
INSERT INTO "vocabulary" VALUES('的');
INSERT INTO "vocabulary" VALUES('空');
INSERT INTO "vocabulary" VALUES('色');
CREATE TABLE weight_hashes (
	model_id BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	CONSTRAINT pk_weight_hashes PRIMARY KEY (model_id, kind, hash), 
	CONSTRAINT fk_weight_hashes_model_id FOREIGN KEY(model_id) REFERENCES models (id)
)
 WITHOUT ROWID

;
CREATE INDEX ix_collections_cover_id ON collections (cover_id);
CREATE INDEX ix_environment_parts_part_id ON environment_parts (part_id);
CREATE INDEX ix_opinions_user_id_favourite_image_id ON opinions (user_id, favourite, image_id);
CREATE INDEX ix_opinions_user_id_rating_image_id ON opinions (user_id, rating, image_id);
CREATE INDEX ix_recipes_model_id ON recipes (model_id);
CREATE INDEX ix_recipes_negative_id ON recipes (negative_id);
CREATE INDEX ix_recipes_prompt_id ON recipes (prompt_id);
CREATE INDEX ix_recipes_settings_id ON recipes (settings_id);
CREATE INDEX ix_collection_items_image_id ON collection_items (image_id);
CREATE INDEX ix_edges_parent_id ON edges (parent_id);
CREATE INDEX ix_entry_inputs_blob_id ON entry_inputs (blob_id);
CREATE INDEX ix_run_entries_entry_id ON run_entries (entry_id);
CREATE INDEX ix_entry_adapters_entry_id ON entry_adapters (entry_id);
CREATE INDEX ix_collection_items_collection_id_position ON collection_items (collection_id, position);
CREATE INDEX ix_operations_kind_id ON operations (kind, id);
CREATE INDEX ix_entry_payloads_payload_id ON entry_payloads (payload_id);
CREATE INDEX ix_entry_payloads_raw_id ON entry_payloads (raw_id);
CREATE INDEX ix_import_files_digest ON import_files (digest);
CREATE INDEX ix_import_files_entry_id ON import_files (entry_id);
CREATE INDEX ix_weight_hashes_kind_hash ON weight_hashes (kind, hash);
CREATE INDEX ix_image_tags_tag_id ON image_tags (tag_id);
CREATE INDEX ix_opinion_events_image_id ON opinion_events (image_id);
CREATE INDEX ix_opinion_events_operation_id ON opinion_events (operation_id);
CREATE INDEX ix_entries_blob_id ON entries (blob_id);
CREATE INDEX ix_entries_image_id ON entries (image_id);
CREATE INDEX ix_entries_recipe_id ON entries (recipe_id);
CREATE INDEX ix_entries_trashed ON entries (trashed);
CREATE INDEX ix_regenerations_blob_id ON regenerations (blob_id);
CREATE INDEX ix_regenerations_entry_id_id ON regenerations (entry_id, id);
CREATE INDEX ix_regenerations_environment_id ON regenerations (environment_id);
CREATE INDEX ix_regenerations_image_id ON regenerations (image_id);
CREATE INDEX ix_entries_verdict_id ON entries (verdict, id);
CREATE INDEX ix_entries_added_id ON entries (added, id);
CREATE INDEX ix_entries_cfg_id ON entries (cfg, id);
CREATE INDEX ix_entries_created_id ON entries (created, id);
CREATE INDEX ix_entries_environment_id_id ON entries (environment_id, id);
CREATE INDEX ix_entries_method_id_id ON entries (method_id, id);
CREATE INDEX ix_entries_model_id_id ON entries (model_id, id);
CREATE INDEX ix_entries_prompt_id_id ON entries (prompt_id, id);
CREATE INDEX ix_entries_run_id_id ON entries (run_id, id);
CREATE INDEX ix_entries_seed_id ON entries (seed, id);
CREATE INDEX ix_entries_size_id_id ON entries (size_id, id);
CREATE INDEX ix_entries_steps_id ON entries (steps, id);
CREATE INDEX ix_entries_user_id_id ON entries (user_id, id);
CREATE INDEX ix_entries_absent ON entries (id) WHERE blob_id IS NULL;
CREATE INDEX ix_entries_obstructed ON entries (id) WHERE obstacles IS NOT NULL;
CREATE INDEX ix_blobs_elsewhere ON blobs (id) WHERE location IS NOT NULL;
CREATE TRIGGER prompts_insert AFTER INSERT ON prompts BEGIN INSERT INTO prompt_words (rowid, words) VALUES (NEW.id, NEW.tokens || NEW.pairs); END;
CREATE TRIGGER prompts_delete AFTER DELETE ON prompts BEGIN INSERT INTO prompt_words (prompt_words, rowid, words) VALUES ('delete', OLD.id, OLD.tokens || OLD.pairs); END;
CREATE TRIGGER entries_insert AFTER INSERT ON entries BEGIN INSERT INTO postings (key, entry_id) SELECT tag_id * 4 + 0, NEW.id FROM image_tags WHERE image_id = NEW.image_id UNION ALL SELECT user_id * 4 + 1, NEW.id FROM opinions WHERE image_id = NEW.image_id AND favourite UNION ALL SELECT (opinions.user_id * 8 + opinions.rating) * 4 + 2, NEW.id FROM opinions WHERE image_id = NEW.image_id AND rating IS NOT NULL; END;
CREATE TRIGGER entries_delete AFTER DELETE ON entries BEGIN DELETE FROM postings WHERE entry_id = OLD.id AND key IN (SELECT tag_id * 4 + 0 FROM image_tags WHERE image_id = OLD.image_id UNION ALL SELECT user_id * 4 + 1 FROM opinions WHERE image_id = OLD.image_id AND favourite UNION ALL SELECT (opinions.user_id * 8 + opinions.rating) * 4 + 2 FROM opinions WHERE image_id = OLD.image_id AND rating IS NOT NULL); END;
CREATE TRIGGER entries_update AFTER UPDATE OF image_id ON entries BEGIN DELETE FROM postings WHERE entry_id = OLD.id AND key IN (SELECT tag_id * 4 + 0 FROM image_tags WHERE image_id = OLD.image_id UNION ALL SELECT user_id * 4 + 1 FROM opinions WHERE image_id = OLD.image_id AND favourite UNION ALL SELECT (opinions.user_id * 8 + opinions.rating) * 4 + 2 FROM opinions WHERE image_id = OLD.image_id AND rating IS NOT NULL); INSERT INTO postings (key, entry_id) SELECT tag_id * 4 + 0, NEW.id FROM image_tags WHERE image_id = NEW.image_id UNION ALL SELECT user_id * 4 + 1, NEW.id FROM opinions WHERE image_id = NEW.image_id AND favourite UNION ALL SELECT (opinions.user_id * 8 + opinions.rating) * 4 + 2, NEW.id FROM opinions WHERE image_id = NEW.image_id AND rating IS NOT NULL; END;
CREATE TRIGGER image_tags_insert AFTER INSERT ON image_tags BEGIN INSERT INTO postings (key, entry_id) SELECT NEW.tag_id * 4 + 0, id FROM entries WHERE image_id = NEW.image_id; END;
CREATE TRIGGER image_tags_delete AFTER DELETE ON image_tags BEGIN DELETE FROM postings WHERE key = OLD.tag_id * 4 + 0 AND entry_id IN (SELECT id FROM entries WHERE image_id = OLD.image_id); END;
CREATE TRIGGER image_tags_update AFTER UPDATE OF tag_id, image_id ON image_tags BEGIN DELETE FROM postings WHERE key = OLD.tag_id * 4 + 0 AND entry_id IN (SELECT id FROM entries WHERE image_id = OLD.image_id); INSERT INTO postings (key, entry_id) SELECT NEW.tag_id * 4 + 0, id FROM entries WHERE image_id = NEW.image_id; END;
CREATE TRIGGER opinions_insert AFTER INSERT ON opinions BEGIN INSERT INTO postings (key, entry_id) SELECT NEW.user_id * 4 + 1, id FROM entries WHERE image_id = NEW.image_id AND NEW.favourite; INSERT INTO postings (key, entry_id) SELECT (NEW.user_id * 8 + NEW.rating) * 4 + 2, id FROM entries WHERE image_id = NEW.image_id AND NEW.rating IS NOT NULL; END;
CREATE TRIGGER opinions_delete AFTER DELETE ON opinions BEGIN DELETE FROM postings WHERE key = OLD.user_id * 4 + 1 AND entry_id IN (SELECT id FROM entries WHERE image_id = OLD.image_id); DELETE FROM postings WHERE key = (OLD.user_id * 8 + OLD.rating) * 4 + 2 AND entry_id IN (SELECT id FROM entries WHERE image_id = OLD.image_id); END;
CREATE TRIGGER opinions_update AFTER UPDATE OF image_id, user_id, favourite, rating ON opinions BEGIN DELETE FROM postings WHERE key = OLD.user_id * 4 + 1 AND entry_id IN (SELECT id FROM entries WHERE image_id = OLD.image_id); DELETE FROM postings WHERE key = (OLD.user_id * 8 + OLD.rating) * 4 + 2 AND entry_id IN (SELECT id FROM entries WHERE image_id = OLD.image_id); INSERT INTO postings (key, entry_id) SELECT NEW.user_id * 4 + 1, id FROM entries WHERE image_id = NEW.image_id AND NEW.favourite; INSERT INTO postings (key, entry_id) SELECT (NEW.user_id * 8 + NEW.rating) * 4 + 2, id FROM entries WHERE image_id = NEW.image_id AND NEW.rating IS NOT NULL; END;
COMMIT;

package cli

import (
	"encoding/json"
	"testing"

	"liftalot/plan/backup"
)

// What documents say of uploaded files is described, with all its fields.
func TestDocumentsOfFilesFitTheirSchemas(t *testing.T) {
	files := &backup.Uploads{Folders: []string{"/app/data/files"}, Files: 3, Bytes: 10, Pulled: 4, Lost: 1, Others: 1, Note: "2 names vanished"}
	for name, doc := range map[string]map[string]any{
		"backup":  {"format": 1, "backups": []backedUp{{Host: "web1", Files: files}, {Host: "web2", Files: &backup.Uploads{}}, {Host: "web3"}}},
		"backups": {"format": 1, "backups": []backupRow{{Host: "web1", Files: files, Where: isBoth, Bucket: "s3://b/web1/1"}, {Host: "web2", Where: isHere}}},
		"restore": {"format": 1, "files": []uploadRestoreResult{{Host: "web1", Backup: "b1", Missing: 1}}},
	} {
		data, err := json.Marshal(doc)
		must(t, err)
		if err := fits(schema(t, name), string(data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package plan

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"liftalot/plan/compose"
)

// digestPrefix begins a digest of ours; plans of before hold Compose's own hashes.
const digestPrefix = "v2:"

// ConfigDigests give a digest of what compose makes of each service, and of the networks,
// volumes, secrets and configs of the project. It is HMAC-SHA-256 over the merged model,
// in which the contents of each env_file count, keyed with the plan's ID: the same
// configuration has another digest in each plan, so that plans cannot be searched for a
// known one. It covers all variables of a service at once, so it answers no guess of one
// as long as another is not known; the config-hash that Compose leaves on the container
// gives away as much, without a key.
func ConfigDigests(model *compose.Model, id string) map[string]string {
	if model == nil {
		return nil
	}
	out := map[string]string{}
	var shared []any
	for _, section := range []string{"networks", "volumes", "secrets", "configs"} {
		shared = append(shared, model.Raw(section))
	}
	for _, service := range model.ServiceNames() {
		doc, err := json.Marshal([]any{service, model.Raw("services", service), shared})
		if err != nil {
			continue // what was decoded can be encoded
		}
		mac := hmac.New(sha256.New, []byte("liftalot plan "+id))
		_, _ = mac.Write(doc)
		out[service] = digestPrefix + hex.EncodeToString(mac.Sum(nil))
	}
	return out
}

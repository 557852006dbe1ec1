package apply

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"

	"liftalot/plan"
	"liftalot/plan/container"
	"liftalot/remote"
)

// inspectScript prints what the engine tells of a container and of its image, as two JSON
// documents. It changes nothing.
//
//	$1 container
const inspectScript = `set -eu
docker inspect "$1" </dev/null
docker image inspect "$(docker inspect -f '{{.Image}}' "$1" </dev/null)" </dev/null`

// maxInspect bounds what an engine may tell of one container.
const maxInspect = 4 << 20

// record writes down what containers are made of, into a folder for root only. A
// container that took the place of the planned one meanwhile is not recorded in its stead.
func (e *Engine) record(ctx context.Context, op plan.Record) error {
	_, err := e.runRoot(ctx, remote.Command{Name: "prepare the record", Script: `umask 077 && mkdir -p "$1" && chmod 700 "$1"`, Args: []string{op.Folder}})
	if err != nil {
		return err
	}
	for _, c := range op.Containers {
		if err := e.recordOne(ctx, op.Folder, c); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) recordOne(ctx context.Context, folder string, c plan.RecordedTarget) error {
	res, err := e.runRoot(ctx, remote.Command{Name: "ask what " + c.Name + " is made of", Script: inspectScript, Args: []string{c.Name}, MaxStdout: maxInspect})
	if err != nil {
		return err
	}
	var docs [2][]json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(res.Stdout))
	for i := range docs {
		if err := dec.Decode(&docs[i]); err != nil || len(docs[i]) != 1 {
			return fmt.Errorf("ask what %s is made of: the engine's answer is not understood", c.Name)
		}
	}
	var head struct {
		ID string `json:"Id"`
	}
	if err := json.Unmarshal(docs[0][0], &head); err != nil || head.ID != c.ID {
		return &StaleError{Host: e.Plan.Host, Drift: []string{"the container " + c.Name + " is another one by now"}}
	}
	files, err := container.Record(docs[0][0], docs[1][0], c.Parent)
	if err != nil {
		return fmt.Errorf("%s cannot be made once more from what the engine tells of it: %w", c.Name, err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		err := e.Host.WriteFile(ctx, path.Join(folder, name), files[name], remote.WriteOptions{Mode: 0o600, UID: -1, GID: -1, ExpectSHA256: remote.AnyContent, Owner: e.Plan.ID})
		if err != nil {
			return err
		}
	}
	return nil
}

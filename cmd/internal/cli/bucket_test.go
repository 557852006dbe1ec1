package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"liftalot/testenv/s3test"
)

// inventoried is what an inventory says of a bucket.
func inventoried(endpoint, login string) string {
	return fmt.Sprintf("{bucket: %q, bucket_login: %q}", "s3://clients/of/me?endpoint="+endpoint+"&region="+s3test.Region, "file:"+login)
}

// inBucket gives a host a bucket.
func (f *simFleet) inBucket(host, endpoint, login string) {
	f.t.Helper()
	f.labels[host] = strings.TrimSuffix(f.labels[host], "}") + ", backup: " + inventoried(endpoint, login) + "}"
	f.writeInventory()
}

// useBucket is: bucket.
func useBucket(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: bucket")
	}
	w := of(ts)
	store := s3test.Start(w.tb, "clients")
	login := filepath.Join(w.dir, "bucket-login")
	ts.Check(os.WriteFile(login, []byte(s3test.ID+":"+s3test.Secret+"\n"), 0o600))
	w.secrets = append(w.secrets, s3test.Secret)
	w.inventory(ts, map[string]string{"backup": inventoried(store.URL, login)})
}

// documented runs a command whose document must fit its schema.
func (f *simFleet) documented(code int, name string, into any, args ...string) {
	f.t.Helper()
	r := f.does(code, append(args, "--json")...)
	if err := fits(schema(f.t, name), r.out); err != nil {
		f.t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, r.out)
	}
	must(f.t, json.Unmarshal([]byte(r.out), into))
}

func (f *simFleet) wants(r ran, patterns ...string) {
	f.t.Helper()
	for _, p := range patterns {
		if !matches(p, r.out+r.stderr) {
			f.t.Errorf("nothing matches %q in\n%s%s", p, r.out, r.stderr)
		}
	}
	if strings.Contains(r.out+r.stderr, s3test.Secret) {
		f.t.Errorf("the secret shows:\n%s%s", r.out, r.stderr)
	}
}

// The life of backups in a bucket, on a real store: taken, cut off, sent later, read
// back, brought to another laptop, thinned out, and spoilt.
func TestBackupsInABucket(t *testing.T) {
	store := s3test.Start(t, "clients")
	f := newSimFleet(t, simHost{name: "acme"}, simHost{name: "globex"})
	login := filepath.Join(f.dir, "login")
	must(t, os.WriteFile(login, []byte(s3test.ID+":"+s3test.Secret+"\n"), 0o600))
	f.wants(f.does(exitUsage, "backups", "push"), "none of these hosts has a bucket")
	f.inBucket("acme", store.URL, login)
	f.wants(f.does(exitDone, "backups"), "no backups on this machine, nor in the bucket")

	f.wants(f.does(exitDone, "backup"), `acme  a copy is in s3://clients/of/me/acme/20`)
	f.wants(f.does(exitDone, "backups"), `^acme .* both +proven`, `^globex .* here +proven`)

	// A line that is cut takes nothing away from what is here.
	store.Cut(0)
	f.wants(f.does(exitInterrupted, "backup", "acme"), `^acme +20.* KiB `, "acme: what is new is on this machine, but not in the bucket", "hint: liftalot backups push acme sends it")
	f.wants(f.does(exitUnreachable, "backups", "acme"), `^acme .* here +proven`, "does the endpoint of .* answer")
	var away struct {
		Backups []backupRow
		Errors  []hostFailure
	}
	f.documented(exitUnreachable, "backups", &away, "backups", "acme")
	if len(away.Backups) != 2 || len(away.Errors) != 1 || away.Errors[0].Exit != exitUnreachable {
		t.Errorf("%+v", away)
	}
	store.Mend()
	var sent struct{ Pushed []pushed }
	f.documented(exitDone, "backups-push", &sent, "backups", "push")
	if len(sent.Pushed) != 1 || sent.Pushed[0].Bytes == 0 {
		t.Errorf("%+v", sent)
	}
	f.wants(f.does(exitDone, "backups", "push"), "every backup on this machine is in its bucket")

	// What is refused says so; a login is read when it is needed.
	must(t, os.WriteFile(login, []byte(s3test.ID+":wrong-secret-of-many-letters\n"), 0o600))
	f.wants(f.does(exitAuth, "backups", "acme"), "does not accept the login", "check \"bucket_login:\" of acme")
	must(t, os.WriteFile(login, []byte("without a colon\n"), 0o600))
	f.wants(f.does(exitAuth, "backups", "acme"), "must be ACCESS_KEY_ID:SECRET")
	must(t, os.WriteFile(login, []byte(s3test.ID+":"+s3test.Secret+"\n"), 0o600))
	f.wants(f.does(exitDone, "backups", "verify", "--bucket", "acme"), `^acme .* here +read again`, `^acme .* bucket +read again`)

	// Another laptop, with the inventory and the key and nothing else.
	state := filepath.Join(f.dir, ".liftalot")
	must(t, os.Rename(filepath.Join(state, "hosts"), filepath.Join(f.dir, "lost")))
	var list struct{ Backups []backupRow }
	f.documented(exitDone, "backups", &list, "backups", "acme")
	if len(list.Backups) != 2 || list.Backups[0].Where != isInBucket || list.Backups[0].Dir != "" || list.Backups[0].Tables == 0 {
		t.Fatalf("%+v", list)
	}
	first := list.Backups[0].ID
	f.wants(f.does(exitUsage, "restore", "acme", "20200101T000000Z-000000", "--drill"), "nor in the bucket")
	// A drill is beyond a simulated server, but comes after what is tried here: the
	// backup was brought and proven.
	f.drills = true
	f.wants(f.does(exitBackup, "restore", "acme", first, "--drill"), "the drill failed")
	f.documented(exitDone, "backups", &list, "backups", "acme")
	if list.Backups[0].Where != isBoth || list.Backups[1].Where != isInBucket {
		t.Errorf("%+v", list)
	}
	f.does(exitDone, "backups", "verify", "acme")

	// With another key nothing there is vouched for, and nothing there goes.
	key := filepath.Join(state, "backup.key")
	must(t, os.Rename(key, filepath.Join(f.dir, "backup.key")))
	must(t, os.RemoveAll(filepath.Join(state, "hosts")))
	f.wants(f.does(exitDone, "backups", "acme"), `bucket +foreign: it was not sent with this machine's key`)
	for _, args := range [][]string{{"restore", "acme", first, "--drill"}, {"backups", "verify", "acme", "--bucket"}, {"backups", "push", "acme"}} {
		f.wants(f.does(exitBackup, args...), "put it, or a recovery key, in its place")
	}
	if _, err := os.Stat(key); err == nil {
		t.Error("a key was made where the one that opens the backups belongs")
	}
	f.does(exitDone, "key")
	f.wants(f.does(exitBackup, "restore", "acme", first, "--drill"), "--trust-bucket takes it")
	f.wants(f.does(exitBackup, "restore", "acme", first, "--drill", "--trust-bucket"), "the key of this machine does not open it")
	f.wants(f.does(exitDone, "backups", "prune", "acme", "--keep-daily", "1"), `bucket +stays +it was not sent`)
	must(t, os.Remove(key))
	must(t, os.Rename(filepath.Join(f.dir, "backup.key"), key))

	// The same rules there as here, each by itself.
	var choice struct{ Backups []pruned }
	f.documented(exitDone, "backups-prune", &choice, "backups", "prune", "acme", "--keep-daily", "1")
	if len(choice.Backups) != 2 || choice.Backups[0].Keep == choice.Backups[1].Keep || choice.Backups[0].Where != isInBucket || choice.Backups[0].Bytes == 0 {
		t.Errorf("%+v", choice)
	}
	f.wants(f.does(exitDone, "backups", "prune", "acme", "--keep-daily", "1"), `removing 1 backup frees [0-9.]+ [KM]?i?B, and the uploaded`)
	f.wants(f.does(exitDone, "backups", "prune", "acme", "--keep-daily", "1", "--delete", "--yes"), `1 backup removed from the bucket`)
	f.documented(exitDone, "backups", &list, "backups", "acme")
	if len(list.Backups) != 1 {
		t.Fatalf("%+v", list)
	}
	left := list.Backups[0].ID

	// What was spoilt at rest is found, by reading it there and on its way here.
	dump := filepath.Join(store.Dir, "clients", "of", "me", "acme", left, "db.dump.age")
	data, err := os.ReadFile(dump)
	must(t, err)
	data[len(data)/2] ^= 1
	must(t, os.WriteFile(dump, data, 0o600))
	f.documented(exitBackup, "backups", &list, "backups", "verify", "--bucket", "acme")
	if len(list.Backups) != 1 || list.Backups[0].Proof != "damaged" {
		t.Errorf("%+v", list)
	}
	f.wants(f.does(exitBackup, "restore", "acme", left, "--drill"), "db.dump.age in the bucket is not what was sent there")
	f.wants(f.does(exitDone, "backups", "acme"), `bucket +proven`) // at first sight, as ever
}

//go:build unix

package apply

import (
	"strings"
	"testing"
)

// exchangeDocker is swapDocker with the names of databases, both of which an exchange changes
// or neither. Migrations are those of the database that is called d.
const exchangeDocker = `cd "$SHIM"
for sql; do :; done
case $* in
*"alter database"*) [ ! -e fail.exchange ] || { echo 'ERROR: it is in use' >&2; exit 1; }
	[ -e stopped ] || echo "exchanged under a server that runs" >>wrong
	grep -q '"Name":"no"' policy || [ "$(cat image)" = sha256:old ] || echo "the engine may start the new server" >>wrong
	set -- $(echo "$sql" | tr -d ';"')
	grep -qx "$3" databases && ! grep -qx "$6" databases && grep -qx "$9" databases || exit 1
	sed "s/^$3\$/$6/; t; s/^$9\$/$3/" databases >new && mv new databases
	if grep -qx kept databases; then echo 51; else echo 55; fi >migrations; exit ;;
*"from pg_database where datname"*) n=${sql##*= \'}; grep -cx "${n%\'*}" databases || :; exit ;;
*RestartPolicy*) cat policy; exit ;;
"system dial-stdio")
	n=$(tr -d '\r' | sed -n 's/^{"RestartPolicy":\(.*\)}/\1/p')
	echo "$n" >policy; printf 'HTTP/1.0 200 OK\r\n\r\n{"Warnings":null}\n'; exit ;;
esac
` + swapDocker

// A rollback with the database exchanges the two with the server stopped, and neither
// release runs on the database of the other one: where the old server cannot take the
// place of the new one, the new one has its own database again, and is started by the engine
// as before.
func TestARollbackWithTheDatabaseEndsWithAServerOnItsOwn(t *testing.T) {
	const apart, exchanged = "d\nfresh\n", "kept\nd\n"
	for _, tt := range []struct {
		name      string
		is        []string
		databases string // at the beginning, if not apart
		end       string
		serves    string
		ends      string // databases in the end
		says      string
	}{
		{name: "healthy", end: "healthy", serves: "sha256:old", ends: exchanged},
		{name: "exchanged by an earlier try", databases: exchanged, end: "healthy", serves: "sha256:old", ends: exchanged},
		{name: "no exchange", is: []string{"fail.exchange"}, end: "lost", serves: "sha256:new", ends: apart, says: "cannot take the place of the present one: ERROR: it is in use"},
		{name: "the old image cannot be named", is: []string{"fail.tag"}, end: "lost", serves: "sha256:new", ends: apart},
		{name: "the old server cannot be made", is: []string{"fail.back"}, end: "lost", serves: "sha256:new", ends: apart},
		{name: "the old server is not healthy", is: []string{"health.sha256:old"}, end: "lost", serves: "sha256:old", ends: exchanged, says: "not healthy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := swapHost(t)
			h.Shim("docker", exchangeDocker)
			h.Write("image", "sha256:new\n")
			h.Write("compose.yml", oldFile)
			h.Write("migrations", "55\n")
			h.Write("databases", apart)
			if tt.databases != "" {
				h.Write("databases", tt.databases)
				h.Write("migrations", "51\n")
			}
			h.Write("policy", `{"Name":"always","MaximumRetryCount":0}`+"\n")
			for _, name := range tt.is {
				h.Write(name, "")
			}
			op := swapOp(h)
			op.IsRollback, op.Version, op.ImageRef, op.Dump, op.Files = true, "", "", "", nil
			op.Keep, op.Fresh = "kept", "fresh"
			log, _ := runSwap(t, h, op)
			serves := strings.TrimSpace(h.Read("image"))
			if h.Has("stopped") {
				serves = ""
			}
			if log.end != tt.end || serves != tt.serves || h.Read("databases") != tt.ends || !strings.Contains(strings.Join(log.notes, "\n"), tt.says) {
				t.Errorf("end %q, %q serves, databases %q, notes %q", log.end, serves, h.Read("databases"), log.notes)
			}
			if wrong := h.Read("wrong"); wrong != "" {
				t.Error(wrong)
			}
			if serves == "sha256:new" && !strings.Contains(h.Read("policy"), "always") {
				t.Errorf("the engine does not start it any more: %s", h.Read("policy"))
			}
		})
	}
}

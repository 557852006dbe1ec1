package inventory

import (
	"fmt"
	"os/exec"
	"os/user"
	"strings"
	"testing"
)

// TestSameAsOpenSSH reads the same files with the real ssh, which is the only
// authority on what they mean.
func TestSameAsOpenSSH(t *testing.T) {
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Skip("NOT RUN: no ssh here to compare with")
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, config := range []string{
		"Host acme\n HostName h1\n User op\nHost *\n HostName h2\n User no\n Port 2200\n",
		"User first\nHost acme\n User op\n HostName %h.example.com\n",
		"Host * !acme\n User no\nHost acme\n HostName h\n",
		"Host a?me b*\n HostName h\n Port 2201\n",
		"HOST=acme\n\tHOSTNAME = \"h\"\n  user=op # him\n",
		"Host x\tacme y\n HostName h\n",
		"Host acme\n HostName h.example\nMatch host *.example\n User op\nMatch host acme\n User no\n",
		"Match originalhost acme,x host h\n User no\nMatch originalhost x,acme\n HostName h\nMatch originalhost acme host h\n User op\n",
		"Match all\n User op\nHost acme\n User no\n HostName h\n",
		"Match host !acme,*\n User no\nMatch host ac*,!x\n User op\n HostName h\n",
		"Match host other user acme\n User no\nHost acme\n HostName h\n",
		"Host acme\n ProxyJump b1,op@b2:2200\n HostName h\nHost b1 b2\n HostName %h.example\nHost *\n ProxyJump no\n",
		"Host acme\n ProxyJump none\n HostName h\nHost *\n ProxyJump b.example\n",
		"Host acme\n ProxyCommand none\n HostName h\nHost *\n ProxyJump b.example\n",
		"Host acme\n ProxyCommand nc %h %p\n HostName h\nHost *\n ProxyJump b.example\n",
		"Host acme\n ProxyJump b.example\n HostName h\nHost *\n ProxyCommand nc %h %p\n",
		"Host \"acme\"\n HostName h\n User \"op\"\n",
		"Host acme # a comment\n HostName h # another\n",
		"Host acme\n HostName h\n GlobalKnownHostsFile /a \"/b c\" '/d e' /f\\ g /h\\\\i # no more\n",
		"Host acme\n HostName h\n GlobalKnownHostsFile \"/a b\"\n UserKnownHostsFile /u '/v w'\n RevokedHostKeys \"/r s\"\n",
		"Host acme\n HostName h\n RevokedHostKeys /first\nHost *\n RevokedHostKeys /second\n GlobalKnownHostsFile none\n",
	} {
		out, err := exec.Command(ssh, "-G", "-F", write(t, config), "acme").Output()
		if err != nil {
			t.Errorf("ssh refuses:\n%s\n%v", config, err)
			continue
		}
		said := map[string]string{}
		for line := range strings.Lines(string(out)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			said[key] = value
		}
		h := mustParse(t, "version: 1\nhosts: {acme: }\n", config, WithLocalUser(me.Username)).Hosts()[0]
		var jump []string
		for _, hop := range h.Jump {
			jump = append(jump, hop.Name)
		}
		got := fmt.Sprintf("%s@%s:%d", h.User, h.Address, h.Port)
		want := said["user"] + "@" + said["hostname"] + ":" + said["port"]
		if got != want || len(jump) == 0 != (said["proxyjump"] == "" || said["proxyjump"] == "none") {
			t.Errorf("got %s by %v, ssh says %s by %s:\n%s", got, jump, want, said["proxyjump"], config)
		}
		for key, files := range map[string][]string{
			"globalknownhostsfile": h.GlobalKnownHosts, "userknownhostsfile": h.KnownHosts, "revokedhostkeys": h.RevokedHostKeys,
		} {
			ours := strings.Join(files, " ")
			if strings.Contains(strings.ToLower(config), key) && ours != strings.TrimPrefix(said[key], "none") {
				t.Errorf("%s: got %q, ssh says %q:\n%s", key, ours, said[key], config)
			}
		}
	}
}

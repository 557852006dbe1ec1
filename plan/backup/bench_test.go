//go:build linux

package backup

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"liftalot/remote"
)

// BenchmarkPull pulls a file from a real sshd of this machine as a backup is
// pulled, encrypted and synced, and the same file by scp, by "ssh cat" and by
// rsync, in turns. Figures and the command are in docs/performance.md.
//
//	go test ./plan/backup -run '^$' -bench Pull -benchtime 1x -timeout 30m
//
// PULL_MIB, PULL_RTT and PULL_ROUNDS are the size, the round trip and how often;
// PULL_TEXT=1 takes a file that looks like a dump in plain text. The delay is that
// of a proxy, which ends each connection: what a real long line does to TCP's own
// windows is not in it.
func BenchmarkPull(b *testing.B) {
	size := int64(setting("PULL_MIB", 256)) << 20
	rtt := time.Duration(setting("PULL_RTT", 0)) * time.Millisecond
	rounds := setting("PULL_ROUNDS", 3)
	s := newServer(b, size, rtt)
	tools := s.tools(b)
	seen := map[string][]figures{}
	for b.Loop() {
		for range rounds {
			for _, t := range tools {
				seen[t.name] = append(seen[t.name], s.measure(b, t))
			}
		}
	}
	for _, t := range tools {
		f := median(seen[t.name])
		b.Logf("%-18s %7.1f MiB/s  %5.2f s of CPU/GiB  %5.1f MiB peak", t.name, f.rate, f.cpu, f.peak)
	}
	b.ReportMetric(0, "ns/op") // the rows above are what counts
}

func setting(name string, or int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n >= 0 {
		return n
	}
	return or
}

type figures struct{ rate, cpu, peak float64 }

// median goes by the rate.
func median(all []figures) figures {
	slices.SortFunc(all, func(a, b figures) int { return int(a.rate*1000) - int(b.rate*1000) })
	return all[len(all)/2]
}

// A server is an sshd with a file to pull, behind a delay.
type server struct {
	dir, file, key, known string
	size                  int64
	port                  int
}

type tool struct {
	name string
	argv []string
	env  []string
	to   string // file for the standard output
}

// newServer needs OpenSSH's programs and runs sshd as the user of the test.
func newServer(b *testing.B, size int64, rtt time.Duration) *server {
	b.Helper()
	for _, name := range []string{"/usr/sbin/sshd", "ssh", "scp", "rsync"} {
		if _, err := exec.LookPath(name); err != nil {
			b.Skipf("NOT RUN: this machine lacks %s", name)
		}
	}
	dir, err := os.MkdirTemp(memory(), "pull-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	s := &server{dir: dir, file: filepath.Join(dir, "file"), key: filepath.Join(dir, "id"), known: filepath.Join(dir, "known_hosts"), size: size}
	for _, name := range []string{"id", "host"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
	s.fill(b)
	back := freePort(b)
	config := fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %s/host\nAuthorizedKeysFile %s/id.pub\nStrictModes no\nPidFile none\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nMaxStartups 100\nSubsystem sftp internal-sftp\n", back, dir, dir)
	if err := os.WriteFile(filepath.Join(dir, "sshd_config"), []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	_ = os.MkdirAll("/run/sshd", 0o755)
	sshd := exec.Command("/usr/sbin/sshd", "-D", "-f", filepath.Join(dir, "sshd_config"))
	if err := sshd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = sshd.Process.Kill(); _ = sshd.Wait() })
	answers(b, back)
	s.port = delay(b, back, rtt)
	public, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(s.known, fmt.Appendf(nil, "[127.0.0.1]:%d %s", s.port, public), 0o600); err != nil {
		b.Fatal(err)
	}
	return s
}

// memory is a file system in memory, so that no disk is measured.
func memory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

func (s *server) fill(b *testing.B) {
	b.Helper()
	f, err := os.Create(s.file)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if os.Getenv("PULL_TEXT") == "" {
		if _, err := io.CopyN(f, rand.Reader, s.size); err != nil {
			b.Fatal(err)
		}
		return
	}
	for n, left := 0, s.size; left > 0; n++ {
		line := fmt.Sprintf("%08d-%s\tmessage number %d of somebody, with words that come again\t2026-11-23 %02d:%02d:%02d+00\n", n, rand.Text(), n, n%24, n%60, n*7%60)
		line = line[:min(int64(len(line)), left)]
		if _, err := f.WriteString(line); err != nil {
			b.Fatal(err)
		}
		left -= int64(len(line))
	}
}

func freePort(b *testing.B) int {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// answers waits until something listens.
func answers(b *testing.B, port int) {
	b.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			c.Close()
			return
		}
		<-tick.C
	}
	b.Fatal("sshd does not listen")
}

// delay is a proxy before a port that holds everything back for half a round
// trip in each direction.
func delay(b *testing.B, back int, rtt time.Duration) int {
	b.Helper()
	if rtt == 0 {
		return back
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", back))
			if err != nil {
				in.Close()
				continue
			}
			go late(in, out, rtt/2)
			go late(out, in, rtt/2)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

type packet struct {
	at   time.Time
	data []byte
}

func late(to, from net.Conn, by time.Duration) {
	queue := make(chan packet, 4096)
	go func() {
		defer close(queue)
		for {
			buf := make([]byte, 32<<10)
			n, err := from.Read(buf)
			if n > 0 {
				queue <- packet{time.Now().Add(by), buf[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	defer to.Close()
	for p := range queue {
		timer := time.NewTimer(time.Until(p.at))
		<-timer.C
		if _, err := to.Write(p.data); err != nil {
			from.Close()
		}
	}
}

func (s *server) tools(b *testing.B) []tool {
	b.Helper()
	port := strconv.Itoa(s.port)
	ssh := []string{"-i", s.key, "-o", "UserKnownHostsFile=" + s.known, "-o", "BatchMode=yes", "-F", "none"}
	out := filepath.Join(s.dir, "out")
	tools := []tool{
		{name: "scp", argv: append(append([]string{"scp", "-q", "-P", port}, ssh...), "127.0.0.1:"+s.file, out)},
		{name: "ssh cat", argv: append(append([]string{"ssh", "-p", port}, ssh...), "127.0.0.1", "cat "+s.file), to: out},
		{name: "rsync", argv: []string{"rsync", "-W", "-e", "ssh -p " + port + " " + strings.Join(ssh, " "), "127.0.0.1:" + s.file, out}},
	}
	for _, n := range []string{"1", "4", "8"} {
		tools = append(tools, tool{
			name: "liftalot, " + n, argv: []string{os.Args[0], "-test.run", "^TestPullChild$"},
			env: []string{"PULL_CHILD=" + n, "PULL_DIR=" + s.dir, "PULL_PORT=" + port, "PULL_SIZE=" + strconv.FormatInt(s.size, 10)},
		})
	}
	return tools
}

// measure runs a tool once and looks at the file that came.
func (s *server) measure(b *testing.B, t tool) figures {
	b.Helper()
	cmd := exec.Command(t.argv[0], t.argv[1:]...)
	cmd.Env = append(os.Environ(), t.env...)
	var said strings.Builder
	cmd.Stderr = &said
	if t.to != "" {
		f, err := os.Create(t.to)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		cmd.Stdout = f
	}
	began := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v: %s", t.name, err, said.String())
	}
	took := time.Since(began).Seconds()
	left, err := filepath.Glob(filepath.Join(s.dir, "out*"))
	if err != nil || len(left) != 1 {
		b.Fatalf("%s left %q, %v", t.name, left, err)
	}
	if info, err := os.Stat(left[0]); err != nil || info.Size() < s.size {
		b.Fatalf("%s: %v, %v", t.name, info, err)
	}
	if err := os.Remove(left[0]); err != nil {
		b.Fatal(err)
	}
	used := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	cpu := (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	mib := float64(s.size) / (1 << 20)
	return figures{rate: mib / took, cpu: cpu / mib * 1024, peak: float64(used.Maxrss) / 1024}
}

// TestPullChild is the process that BenchmarkPull measures.
func TestPullChild(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("PULL_CHILD"))
	if err != nil {
		return // not a child
	}
	dir := os.Getenv("PULL_DIR")
	size, port := setting("PULL_SIZE", 0), setting("PULL_PORT", 0)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	var hosts []Runner
	for range n {
		c := remote.NewClient(remote.Config{
			Name: "bench", Address: "127.0.0.1", Port: port, User: os.Getenv("USER"), Identities: []string{filepath.Join(dir, "id")},
			KnownHosts: []string{filepath.Join(dir, "known_hosts")},
		})
		defer c.Close()
		hosts = append(hosts, c)
	}
	f, err := encrypt(root, "out", []age.Recipient{id.Recipient()}, func(w io.Writer) error {
		return source{hosts: hosts, path: filepath.Join(dir, "file"), size: int64(size)}.copy(context.Background(), w)
	})
	if err != nil || f.Size != int64(size) {
		t.Fatalf("%+v, %v", f, err)
	}
}

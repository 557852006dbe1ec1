// Package pgtest lends a real PostgreSQL to a test, on loopback, in a folder
// that goes away with the test.
//
// It needs the server's programs (Debian: apt-get install postgresql) and says
// so, loudly, when they are absent. A machine where they must not be absent
// sets [RequireEnv], and the test fails instead.
package pgtest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// RequireEnv, when it is set, makes an absent PostgreSQL a failure.
const RequireEnv = "LIFTALOT_REQUIRE_POSTGRES"

// The login every database has.
const (
	User     = "chatalot"
	Password = "stand-in-password"
)

// Server is a PostgreSQL of one test.
type Server struct {
	port int
	next int
}

// Start starts a server that stops when the test ends.
func Start(tb testing.TB) *Server {
	tb.Helper()
	bin := programs(tb)
	dir, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	as := unprivileged(tb, dir)
	run := func(name string, args ...string) {
		tb.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, filepath.Join(bin, name), args...)
		cmd.Dir = dir
		cmd.SysProcAttr = as
		if out, err := cmd.CombinedOutput(); err != nil {
			tb.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	passwordFile := filepath.Join(dir, "password")
	if err := os.WriteFile(passwordFile, []byte(Password), 0o644); err != nil {
		tb.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	run("initdb", "-D", data, "-U", User, "-A", "scram-sha-256", "--pwfile", passwordFile,
		"-E", "UTF8", "--locale", "C", "--no-sync")
	s := &Server{port: freePort(tb)}
	options := fmt.Sprintf("-h 127.0.0.1 -p %d -k %s -c fsync=off", s.port, dir)
	run("pg_ctl", "start", "-w", "-D", data, "-l", filepath.Join(dir, "log"), "-o", options)
	tb.Cleanup(func() { run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", data) })
	return s
}

// URL returns the address of a database that is still empty, password
// included.
func (s *Server) URL(tb testing.TB) string {
	tb.Helper()
	s.next++
	name := fmt.Sprintf("chatalot_%d", s.next)
	s.Exec(tb, s.url("postgres"), "CREATE DATABASE "+name)
	return s.url(name)
}

func (s *Server) url(database string) string {
	u := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(User, Password),
		Host:   net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:   "/" + database,
	}
	return u.String()
}

// Connect returns a connection that is closed when the test ends.
func (s *Server) Connect(tb testing.TB, databaseURL string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), databaseURL)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close(context.WithoutCancel(tb.Context())) })
	return conn
}

// Exec runs one statement.
func (s *Server) Exec(tb testing.TB, databaseURL, sql string) {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), databaseURL)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(tb.Context())
	if _, err := conn.Exec(tb.Context(), sql); err != nil {
		tb.Fatal(err)
	}
}

// Text returns the only value of a query, as text.
func (s *Server) Text(tb testing.TB, databaseURL, query string) string {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), databaseURL)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(tb.Context())
	var text string
	if err := conn.QueryRow(tb.Context(), query).Scan(&text); err != nil {
		tb.Fatal(err)
	}
	return text
}

// programs returns the folder of the newest server on this machine.
func programs(tb testing.TB) string {
	tb.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		tb.Fatal(err)
	}
	if len(found) == 0 {
		const why = "NOT RUN: needs a PostgreSQL server (Debian: apt-get install postgresql)"
		if os.Getenv(RequireEnv) != "" {
			tb.Fatal(why)
		}
		tb.Skip(why)
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4]) // what is no number is oldest
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest)
}

// freePort returns a port nobody listens on at the moment.
func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

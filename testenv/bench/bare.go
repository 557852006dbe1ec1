//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"liftalot/remote"
)

// bare does the same work with the ssh library alone: no known_hosts file, no
// deadlines, nothing that tells a whole answer from half of one. It is what a client
// on this library costs at the least.
func bare(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("bare", flag.ContinueOnError)
	list := f.String("list", "", "file of hosts: name, address and port on a line")
	user := f.String("user", "root", "the login")
	key := f.String("key", "", "private key file")
	host := f.String("host", "", "public key file of every host")
	if err := f.Parse(args); err != nil {
		return err
	}
	config, err := bareConfig(*user, *key, *host)
	if err != nil {
		return err
	}
	names, err := os.ReadFile(*list)
	if err != nil {
		return err
	}
	out := &writer{w: bufio.NewWriter(os.Stdout)}
	lines := strings.Split(strings.TrimSpace(string(names)), "\n")
	errs := make([]error, len(lines))
	var wait sync.WaitGroup
	for i, line := range lines {
		words := strings.Fields(line)
		wait.Go(func() {
			_ = remote.Sleep(ctx, rand.N(time.Duration(len(lines))*dialEvery))
			answer, err := bareAnswer(net.JoinHostPort(words[1], words[2]), config)
			out.write(answer)
			errs[i] = err
		})
	}
	wait.Wait()
	return errors.Join(append(errs, out.w.Flush())...)
}

func bareConfig(user, keyFile, hostFile string) (*ssh.ClientConfig, error) {
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", keyFile, err)
	}
	if text, err = os.ReadFile(hostFile); err != nil {
		return nil, err
	}
	hostKey, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", hostFile, err)
	}
	return &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.FixedHostKey(hostKey), HostKeyAlgorithms: []string{hostKey.Type()},
	}, nil
}

func bareAnswer(addr string, config *ssh.ClientConfig) ([]byte, error) {
	c, err := ssh.Dial("tcp", addr, config)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s, err := c.NewSession()
	if err != nil {
		return nil, err
	}
	return s.Output(facts)
}

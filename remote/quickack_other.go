//go:build !linux

package remote

import "net"

// quickAck has no equivalent where the kernel does not offer one.
func quickAck(conn net.Conn) net.Conn { return conn }

// Package container records a container so that the very same one can be made
// again by a host that has only a shell and the docker command.
//
// [Record] turns what docker inspect tells of a container and of its image into
// the files of a record; the functions of plan/apply/scripts/container.sh read
// them. Neither needs a compose file, a .env or a registry, and no version of
// Compose has a say: the container is created through the engine's API with
// every field and every label that it had, so that Compose goes on counting it
// as its own.
//
// # The files
//
// All are named after the container, NAME below, and lie in one folder that
// only root can enter: the bodies hold the environment, and so secrets.
//
//	NAME.record          one fact a line: "image ID", "reference REF" (where there is
//	                     one), "aside NAME" (the name it has until it is complete),
//	                     "connect N NETWORK" for each further network, and
//	                     "disconnect NETWORK" for the first one if it was left
//	NAME.create.json     the body of POST /containers/create
//	NAME.connect.N.json  the body of POST /networks/NETWORK/connect
//	NAME.fields          what [Template] prints of it, without what is empty, sorted
//	NAME.template        [Template]
//
// The bodies hold placeholders: @IMAGE@ for the image, @ID@ for the container's
// own id, and @SERVER@ wherever the id of the given server stood. Every other @
// in them is written \u0040, so nothing of the client's is taken for one.
//
// # What is passed on, and what is not
//
// Config and HostConfig are passed on as the engine wrote them: a field that
// this package has never heard of survives. Left out is what the engine made up
// and makes up again: the host name that is the short id, what a shared network
// namespace lends (host name, exposed ports), the short id among the aliases,
// addresses and MAC addresses that nobody configured. The MAC address of a
// further network is among these, since the engine does not tell a configured
// one from another.
//
// A nameless volume is attached by its name, so that its data stays. From then
// on the engine takes it for a named one: "docker rm -v" leaves it.
//
// # The image
//
// It is created from the reference it was created from, if that still names the
// same image, and else from the image's id: "docker ps" and whoever compares
// .Config.Image go on seeing what they saw, and another image never runs. That
// is decided when the container is made, by the shell; .Image is among the
// fields that are compared, .Config.Image is not.
package container

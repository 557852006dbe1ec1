// Package ui is what people see: text on a terminal or in a pipe, tables,
// diffs, live progress, questions.
//
// Start with [New], which wraps where the output goes, and print through the
// [Console] it returns:
//
//	out := ui.New(os.Stdout, ui.Options{Redactor: secrets})
//	out.Printf("%s is on %s\n", ui.Bold(host.Name), facts.Version)
//
// # Foreign text
//
// Whatever comes from a host, a file, a registry or a library's error is
// foreign: it may hold escape sequences that move the cursor over an earlier
// line, set the clipboard, or turn a sentence around. So there is no way to
// print text without escaping it. [Console.Printf] escapes every argument,
// [Console.Write] escapes every byte, and a [Text], the one kind of argument
// that is printed as it is, can only be made by functions that escape what
// they are given. Format strings are ours, and are held to the same alphabet
// when they leave.
//
// What reaches the terminal is: printable characters, line ends, the few SGR
// sequences of [Tone], while a [Progress] is drawn the two sequences that go to its
// first line and clear it, and the two of [Console.Clear].
//
// # Secrets
//
// A [Redactor] is the second net under the types that redact themselves: it
// knows the values of a run and takes them out of everything that is written,
// also encoded and also split over several writes. What is cut to fit a table
// is redacted before it is cut.
//
// # Colour
//
// Text is coloured where the output is a terminal, TERM is not dumb and
// NO_COLOR is empty, unless [Options.Colour] says otherwise. The meaning never
// hangs on colour alone.
package ui

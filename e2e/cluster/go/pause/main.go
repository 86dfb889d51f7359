// Command pause does nothing until it is told to stop: it holds the namespaces of a pod, or of a node.
//
// As the first process of a process namespace it buries what others have left behind. With -until-eof it also ends
// when its standard input does, so that a node never outlives the program that holds the other end.
package main

import (
	"flag"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	untilEOF := flag.Bool("until-eof", false, "end when standard input ends")
	flag.Parse()
	stops := make(chan os.Signal, 1)
	signal.Notify(stops, syscall.SIGTERM, syscall.SIGINT)
	if *untilEOF {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stops <- syscall.SIGTERM
		}()
	}
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGCHLD)
	for {
		select {
		case <-stops:
			return
		case <-ends:
			bury()
		}
	}
}

// bury takes leave of every child that has ended; one signal may stand for several.
func bury() {
	for {
		process, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if err != nil || process <= 0 {
			return
		}
	}
}

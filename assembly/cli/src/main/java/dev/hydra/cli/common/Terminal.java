package dev.hydra.cli.common;

/** Where people are told what happens, by any thread. */
public interface Terminal {
  /** Prints a line. */
  void say(String line);

  /** Prints that something went wrong which does not end the work. */
  default void warned(String problem) {
    say("warning: " + problem);
  }
}

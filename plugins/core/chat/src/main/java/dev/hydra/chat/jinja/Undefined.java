package dev.hydra.chat.jinja;

/**
 * What a name stands for that nobody has set: false, empty, and an error if its content is asked
 * for.
 *
 * @param what the name, for messages
 */
record Undefined(String what) {
  JinjaException error() {
    return new JinjaException(what + " is undefined");
  }
}

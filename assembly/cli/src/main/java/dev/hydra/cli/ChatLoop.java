package dev.hydra.cli;

import dev.hydra.chat.ChatTemplateException;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;

/** Reads lines, answers them, and carries out commands that begin with a slash. */
final class ChatLoop {
  /** The commands, for those who complete them. */
  static final List<String> COMMANDS = List.of("/help", "/system", "/clear", "/quit");

  private static final String HELP =
      """
      /help           this
      /system TEXT    says what the model is to be, and begins anew
      /clear          begins anew
      /quit           ends; so does the end of the input
      Anything else is said to the model. Ctrl-C stops its answer.\
      """;

  private final Conversation conversation;
  private final ChatInput in;
  private final PrintWriter out;
  private final PrintWriter err;
  private boolean failed;

  ChatLoop(Conversation conversation, ChatInput in, PrintWriter out, PrintWriter err) {
    this.conversation = conversation;
    this.in = in;
    this.out = out;
    this.err = err;
  }

  /** Runs until the end of the input; returns whether every message was answered. */
  boolean run() throws IOException {
    for (String line = in.next(); line != null; line = in.next()) {
      if (line.isBlank()) {
        continue;
      }
      if (!line.startsWith("/")) {
        say(line);
      } else if (!command(line.strip())) {
        break;
      }
    }
    return !failed;
  }

  private void say(String line) {
    try {
      conversation.say(
          line,
          piece -> {
            out.print(piece);
            out.flush();
          });
      out.println();
    } catch (ChatTemplateException e) {
      refused("the chat template: " + e.getMessage());
    } catch (IllegalArgumentException e) {
      refused(String.valueOf(e.getMessage()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void refused(String problem) {
    failed = true;
    err.println("hydra: " + problem);
  }

  /** Carries out a command; returns whether to go on. */
  private boolean command(String line) {
    String[] words = line.split("\\s+", 2);
    switch (words[0]) {
      case "/help" -> out.println(HELP);
      case "/clear" -> conversation.clear();
      case "/system" -> conversation.system(words.length > 1 ? words[1] : null);
      case "/quit", "/exit" -> {
        return false;
      }
      default -> err.println("there is no command " + words[0] + "; /help lists them");
    }
    out.flush();
    return true;
  }
}

package dev.hydra.cli;

import dev.hydra.chat.ChatTemplateException;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** Reads lines, answers them, and carries out commands that begin with a slash. */
final class ChatLoop {
  /** The commands, for those who complete them. */
  static final List<String> COMMANDS =
      List.of("/help", "/retry", "/undo", "/system", "/clear", "/quit");

  private static final String HELP =
      """
      /help           this
      /retry          has the last message answered again
      /undo           takes the last message and its answer back
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
        String message = line;
        answer(sink -> Optional.of(conversation.say(message, sink)));
      } else if (!command(line.strip())) {
        break;
      }
    }
    return !failed;
  }

  /** What makes an answer, unless there is nothing to answer. */
  private interface Answering {
    Optional<String> answer(Consumer<String> sink) throws InterruptedException;
  }

  private void answer(Answering answering) {
    try {
      Optional<String> answer =
          answering.answer(
              piece -> {
                out.print(piece);
                out.flush();
              });
      answer.ifPresentOrElse(
          said -> out.println(),
          () -> err.println("nothing has been said that could be answered again"));
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
      case "/retry" -> answer(conversation::retry);
      case "/undo" ->
          conversation
              .undo()
              .ifPresentOrElse(
                  said -> err.println("taken back: " + said),
                  () -> err.println("nothing has been said that could be taken back"));
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

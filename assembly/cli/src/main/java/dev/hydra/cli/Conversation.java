package dev.hydra.cli;

import dev.hydra.chat.ChatTemplate;
import dev.hydra.data.Tokenizer;
import dev.hydra.inference.Engine;
import dev.hydra.inference.FinishReason;
import dev.hydra.inference.Request;
import dev.hydra.inference.Sampling;
import dev.hydra.inference.Session;
import dev.hydra.inference.TextStream;
import dev.hydra.inference.TokenListener;
import dev.hydra.inference.TokenScore;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What was said between a person and a model. */
final class Conversation {
  private final Engine engine;
  private final LoadedModel model;
  private final Tokenizer tokenizer;
  private final ChatTemplate template;
  private final Sampling sampling;
  private final int maxTokens;
  private final List<Map<String, String>> messages = new ArrayList<>();
  private @Nullable String system;
  private long turn;
  private volatile @Nullable Session session;

  /** An answer that is being made. */
  private static final class Speaking implements TokenListener {
    private final TextStream text;
    private final Consumer<String> sink;
    private final StringBuilder all = new StringBuilder();
    private final CompletableFuture<String> said = new CompletableFuture<>();

    Speaking(Tokenizer tokenizer, Consumer<String> sink) {
      this.text = new TextStream(tokenizer, List.of());
      this.sink = sink;
    }

    private void say(String piece) {
      all.append(piece);
      sink.accept(piece);
    }

    @Override
    public boolean token(TokenScore token) {
      say(text.next(token.token()));
      return true;
    }

    @Override
    public void finished(FinishReason reason) {
      say(text.finish());
      said.complete(all.toString());
    }

    @Override
    public void failed(RuntimeException problem) {
      said.completeExceptionally(problem);
    }
  }

  Conversation(
      Engine engine, LoadedModel model, Sampling sampling, int maxTokens, @Nullable String system) {
    this.engine = engine;
    this.model = model;
    this.tokenizer = model.tokenizer().orElseThrow();
    this.template = model.template().orElseThrow();
    this.sampling = sampling;
    this.maxTokens = maxTokens;
    system(system);
  }

  /** Begins anew. */
  void clear() {
    messages.clear();
    String now = system;
    if (now != null) {
      messages.add(message("system", now));
    }
  }

  /** Says what the model is to be, and begins anew. */
  void system(@Nullable String text) {
    system = text;
    clear();
  }

  private static Map<String, String> message(String role, String content) {
    return Map.of("role", role, "content", content);
  }

  /**
   * Says something and hears the answer, piece by piece as it is made.
   *
   * @throws IllegalArgumentException if the conversation has become too long
   * @throws dev.hydra.chat.ChatTemplateException if the template refuses it
   */
  String say(String text, Consumer<String> sink) throws InterruptedException {
    int said = messages.size();
    messages.add(message("user", text));
    Speaking speaking = new Speaking(tokenizer, sink);
    try {
      int[] prompt = tokenizer.encode(template.render(messages, List.of(), true));
      int room = engine.limits().context() - prompt.length;
      if (room < 1) {
        throw new IllegalArgumentException(
            "the conversation would have "
                + prompt.length
                + " tokens, and --max-context is "
                + engine.limits().context()
                + ", so there is no room for an answer; /undo or /clear makes some");
      }
      Request request =
          new Request(
              prompt,
              Math.min(maxTokens, room),
              sampling.withSeed(sampling.seed() + turn),
              model.endTokens());
      session = engine.open(request, speaking);
      turn++;
      String answer = speaking.said.get();
      messages.add(message("assistant", answer));
      return answer;
    } catch (ExecutionException e) {
      throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e);
    } finally {
      session = null;
      if (messages.size() == said + 1) {
        messages.remove(said); // it was not answered
      }
    }
  }

  /**
   * Takes the last exchange back, as if nothing of it had been said. The model goes on from a state
   * that the engine kept.
   *
   * @return what the person had said; empty if there is nothing to take back
   */
  Optional<String> undo() {
    int last = messages.size() - 2;
    if (last < 0) {
      return Optional.empty();
    }
    String said = messages.get(last).get("content");
    messages.subList(last, last + 2).clear();
    return Optional.ofNullable(said);
  }

  /**
   * Takes the last exchange back, says the same again and hears another answer, as {@link #say}
   * does. If there is none, the exchange stays.
   *
   * @return empty if nothing has been said
   */
  Optional<String> retry(Consumer<String> sink) throws InterruptedException {
    List<Map<String, String>> before = List.copyOf(messages);
    Optional<String> said = undo();
    if (said.isEmpty()) {
      return said;
    }
    try {
      return Optional.of(say(said.get(), sink));
    } finally {
      if (messages.size() < before.size()) {
        messages.addAll(before.subList(messages.size(), before.size())); // no other answer came
      }
    }
  }

  /** Stops the answer that is being made; says whether there was one. */
  boolean stop() {
    Session now = session;
    if (now == null) {
      return false;
    }
    now.cancel();
    return true;
  }
}

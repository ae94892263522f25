package dev.hydra.serve;

import dev.hydra.inference.EngineLimits;
import dev.hydra.inference.FinishReason;
import dev.hydra.inference.NotFiniteException;
import dev.hydra.inference.Request;
import dev.hydra.inference.Session;
import dev.hydra.inference.TextStream;
import dev.hydra.libtorch.runtime.OutOfMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The choices of one answer while they are made. Closed, it ends those that are not complete. */
final class Answer implements AutoCloseable {
  private final BlockingQueue<Piece> pieces = new LinkedBlockingQueue<>();
  private final List<Choice> choices = new ArrayList<>();
  private int open;

  /**
   * Opens a session for each request, all or none.
   *
   * @param field what the request names that the tokens are read from, {@code prompt} or so
   * @param stops strings that end a text
   * @throws ApiException if a request cannot be met
   * @throws dev.hydra.inference.EngineBusyException if too many wait
   */
  Answer(ServedModel model, String field, List<Request> requests, List<String> stops) {
    bounded(requests.size(), model.engine().engine().limits());
    if (!stops.isEmpty()) {
      model.requireTokenizer(); // else they would have no effect
    }
    List<Session> sessions = new ArrayList<>();
    for (Request request : requests) {
      Choice choice =
          new Choice(
              choices.size(),
              request,
              model.tokenizer().map(tokenizer -> new TextStream(tokenizer, stops)),
              pieces);
      choices.add(choice);
      try {
        Session session = model.engine().engine().prepare(request, choice);
        choice.session(session);
        sessions.add(session);
      } catch (IllegalArgumentException e) {
        throw new ApiException(
            400,
            "invalid_request_error",
            String.valueOf(e.getMessage()),
            field,
            "context_length_exceeded");
      }
    }
    try {
      model.engine().engine().open(sessions);
    } catch (IllegalStateException e) {
      throw stopping();
    }
    open = sessions.size();
  }

  /** Refuses more texts than an idle engine takes: to come again would not help. */
  private static void bounded(int texts, EngineLimits limits) {
    long most = (long) limits.sessions() + limits.waiting();
    if (texts > most) {
      throw ApiException.request(
          "these are "
              + texts
              + " texts (prompts times n), but no more than "
              + most
              + " can be continued or wait; send them in several requests, unless the operator allows more"
              + " with --max-sessions and --max-waiting");
    }
  }

  private static ApiException stopping() {
    return ApiException.server(503, "the server is stopping");
  }

  private static ApiException outOfMemory(OutOfMemory refused) {
    return ApiException.server(
        503, refused.text() + "; try again later, or with a shorter prompt and fewer max_tokens");
  }

  private static ApiException notFinite(NotFiniteException found) {
    String remedy =
        found.wider().isEmpty()
            ? "the operator would have to serve another checkpoint"
            : "the operator may have to serve it with " + found.wider();
    return ApiException.server(500, found.problem() + "; " + remedy);
  }

  List<Choice> choices() {
    return choices;
  }

  /** Says whether more is to come. */
  boolean more() {
    return open > 0;
  }

  /**
   * Waits for the next piece, for so long at most; null if there is none yet.
   *
   * @throws ApiException if a choice failed
   */
  @Nullable Piece next(long millis) throws InterruptedException {
    Piece piece = pieces.poll(millis, TimeUnit.MILLISECONDS);
    if (piece == null) {
      return null;
    }
    if (piece.failure() instanceof NotFiniteException e) {
      throw notFinite(e);
    }
    if (piece.failure() != null) {
      throw OutOfMemory.in(piece.failure())
          .<RuntimeException>map(Answer::outOfMemory)
          .orElse(piece.failure());
    }
    if (piece.finish() == FinishReason.CANCELLED) {
      throw stopping();
    }
    if (piece.last()) {
      open--;
    }
    return piece;
  }

  @Override
  public void close() {
    choices.forEach(Choice::cancel);
  }
}

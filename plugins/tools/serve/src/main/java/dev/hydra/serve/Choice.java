package dev.hydra.serve;

import dev.hydra.inference.FinishReason;
import dev.hydra.inference.Request;
import dev.hydra.inference.Session;
import dev.hydra.inference.TextStream;
import dev.hydra.inference.TokenListener;
import dev.hydra.inference.TokenScore;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;

/** One of the texts of an answer, as it is made; a model without tokenizer writes token ids. */
final class Choice implements TokenListener {
  private final int index;
  private final Request request;
  private final Optional<TextStream> text;
  private final BlockingQueue<Piece> pieces;
  private List<TokenScore> promptScores = List.of();
  private int drawn;
  private int characters;
  private @Nullable Session session;

  /**
   * Creates a choice.
   *
   * @param pieces where its pieces go; no more of them than tokens and two
   */
  Choice(int index, Request request, Optional<TextStream> text, BlockingQueue<Piece> pieces) {
    this.index = index;
    this.request = request;
    this.text = text;
    this.pieces = pieces;
  }

  int index() {
    return index;
  }

  Request request() {
    return request;
  }

  /** Returns the number of tokens drawn. */
  int drawn() {
    return drawn;
  }

  /** Returns the scores of the prompt's tokens but the first; known before the first piece. */
  List<TokenScore> promptScores() {
    return promptScores;
  }

  void session(Session opened) {
    session = opened;
  }

  /** Ends it, if it is not over. */
  void cancel() {
    if (session != null) {
      session.cancel();
    }
  }

  @Override
  public void prompt(List<TokenScore> scores) {
    promptScores = scores;
  }

  @Override
  public boolean token(TokenScore token) {
    String between = text.isPresent() || drawn == 0 ? "" : TokenText.BETWEEN_IDS;
    int begin = characters + between.length();
    String piece =
        text.map(stream -> stream.next(token.token())).orElseGet(() -> between + token.token());
    drawn++;
    characters += piece.length();
    pieces.add(new Piece(this, piece, token, begin, null, null));
    return text.isEmpty() || !text.get().stopped();
  }

  @Override
  public void finished(FinishReason reason) {
    String rest = text.map(TextStream::finish).orElse("");
    pieces.add(new Piece(this, rest, null, characters, reason, null));
  }

  @Override
  public void failed(RuntimeException problem) {
    pieces.add(new Piece(this, "", null, characters, null, problem));
  }
}

package dev.hydra.inference;

import dev.hydra.composer.model.ModelState;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A text that an engine continues. */
public final class Session {
  /** The most tokens of a text: no longer array is sure to be had. */
  static final int LONGEST = Integer.MAX_VALUE - 8;

  private final Request request;
  private final TokenListener listener;
  private final SampledRow row;
  private final long opened = System.nanoTime();
  private int[] tokens;
  private int length;
  private int drawn;
  private @Nullable ModelState state;
  private volatile boolean cancelled;
  private volatile boolean over;
  private boolean failed;
  private boolean swapped;

  Session(Request request, TokenListener listener) {
    this.request = request;
    this.listener = listener;
    this.row = new SampledRow(request.sampling(), request.prompt());
    this.length = request.prompt().length;
    this.tokens = request.prompt();
  }

  /** Ends the session at the next step, from any thread; what was drawn stays. */
  public void cancel() {
    cancelled = true;
  }

  /** Says whether the session has ended. */
  public boolean isOver() {
    return over;
  }

  /** Returns the request. */
  Request request() {
    return request;
  }

  TokenListener listener() {
    return listener;
  }

  SampledRow row() {
    return row;
  }

  boolean cancelled() {
    return cancelled;
  }

  /** Returns when it was opened, as {@link System#nanoTime} has it. */
  long opened() {
    return opened;
  }

  /** Returns the number of tokens drawn. */
  int drawn() {
    return drawn;
  }

  /** Returns the newest token. */
  int last() {
    return tokens[length - 1];
  }

  /** Returns the tokens so far: those of the prompt, then those that were drawn. */
  int[] tokens() {
    return Arrays.copyOf(tokens, length);
  }

  void add(int token) {
    if (length == tokens.length) {
      tokens = Arrays.copyOf(tokens, (int) Math.min(LONGEST, 2L * length));
    }
    tokens[length++] = token;
    drawn++;
    row.drawn(token);
  }

  /** Returns the decoding state while the session itself has it. */
  @Nullable ModelState state() {
    return state;
  }

  void state(@Nullable ModelState newState) {
    state = newState;
  }

  /** Says whether components were exchanged meanwhile: its state is that of no one model. */
  boolean swapped() {
    return swapped;
  }

  /** Components are exchanged now. */
  void swap() {
    swapped |= state != null;
  }

  /** Says whether it has ended as something went wrong: its state may hold anything. */
  boolean failed() {
    return failed;
  }

  /** Ends it as something went wrong. */
  void fail() {
    failed = true;
    end();
  }

  /** Frees what it holds. */
  void end() {
    over = true;
    row.close();
    if (state != null) {
      state.close();
      state = null;
    }
  }
}

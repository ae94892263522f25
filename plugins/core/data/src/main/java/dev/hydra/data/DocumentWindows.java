package dev.hydra.data;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/**
 * Windows of whole documents that do not see each other, as full as can be: the largest first, each
 * goes where the least room is left (best-fit decreasing; Ding et al., "Fewer Truncations Improve
 * Language Modeling", arXiv 2404.10830, section 3). Which documents share a window depends on their
 * sizes only. What is left of a window is padding, a document of its own that is not predicted.
 */
final class DocumentWindows implements Samples {
  private final Corpus corpus;
  private final DocumentPieces pieces;
  private final int width;
  private final int[] ends;
  private final int[] members;

  private DocumentWindows(
      Corpus corpus, DocumentPieces pieces, int width, int[] ends, int[] members) {
    this.corpus = corpus;
    this.pieces = pieces;
    this.width = width;
    this.ends = ends;
    this.members = members;
  }

  /**
   * Packs the documents of a corpus.
   *
   * @param ranges where they lie; a document that crosses a border is two
   * @param length the number of tokens to predict in a window
   */
  static DocumentWindows of(Corpus corpus, List<Range> ranges, int length) {
    int width = length + 1;
    DocumentPieces pieces = new DocumentPieces(corpus.documentEnds(), ranges, width);
    int[] order = pieces.largestFirst();
    int[] windowOf = new int[order.length];
    int count = pack(pieces, order, width, windowOf);
    int[] begins = new int[count + 1]; // of each window's pieces, moved on while they are put there
    for (int window : windowOf) {
      begins[window + 1]++;
    }
    Arrays.parallelPrefix(begins, Integer::sum);
    int[] ends = begins.clone();
    int[] members = new int[order.length];
    for (int piece : order) {
      members[ends[windowOf[piece]]++] = piece;
    }
    return new DocumentWindows(corpus, pieces, width, Arrays.copyOf(ends, count), members);
  }

  /** Chooses the window of each piece and returns the number of windows. */
  private static int pack(DocumentPieces pieces, int[] order, int width, int[] windowOf) {
    BitSet rooms = new BitSet(width); // sizes of room that a window has
    int[] newest = new int[width]; // by room: the newest window that has it
    int[] older = new int[16]; // by window: the one before it with the same room, or -1
    Arrays.fill(newest, -1);
    int count = 0;
    for (int piece : order) {
      int size = pieces.size(piece);
      int room = rooms.nextSetBit(size);
      int window = count;
      if (room < 0) {
        room = width;
        if (++count > older.length) {
          older = Arrays.copyOf(older, 2 * older.length);
        }
      } else {
        window = newest[room];
        newest[room] = older[window];
        rooms.set(room, newest[room] >= 0);
      }
      windowOf[piece] = window;
      int left = room - size;
      if (left > 1) { // the smallest piece has two tokens
        older[window] = newest[left];
        newest[left] = window;
        rooms.set(left);
      }
    }
    return count;
  }

  @Override
  public long count() {
    return ends.length;
  }

  @Override
  public void read(long number, Batch into, int row) {
    int window = Math.toIntExact(number);
    int at = 0;
    int document = 0;
    for (int i = window == 0 ? 0 : ends[window - 1]; i < ends[window]; i++) {
      int size = pieces.size(members[i]);
      into.readDocument(corpus, row, at, pieces.start(members[i]), size, document++);
      at += size;
    }
    into.pad(row, at, document);
  }

  /** Returns how many tokens of a window are of documents, not padding. */
  int filled(int window) {
    int sum = 0;
    for (int i = window == 0 ? 0 : ends[window - 1]; i < ends[window]; i++) {
      sum += pieces.size(members[i]);
    }
    return sum;
  }

  /** Returns the part of all windows that is text, not padding. */
  double filled() {
    long sum = 0;
    for (int piece : members) {
      sum += pieces.size(piece);
    }
    return sum / ((double) width * Math.max(1, ends.length));
  }
}

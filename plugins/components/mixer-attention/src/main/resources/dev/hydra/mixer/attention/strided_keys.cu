// Strided positions before a window, and the first one. Query t of a document that begins at s sees, if
// t - s >= window, of the keys j = 0, 1, ... that stand at s + j * every the `globals` newest up to its
// block, (t - s - window) / every, and key 0. Queries before see their window only.
//
//   starts       int64 [batch, time], or null: the first token of each token's document
typedef long long Long;

constexpr int TILE = 64;  // queries, or keys, of a block

__device__ __forceinline__ bool visible(int key, int block, int globals) {
  return block >= 0 && (key == 0 || (key <= block && key > block - globals));
}

// Without documents all is one.
__device__ __forceinline__ int start_of(const Long* starts, int token) {
  return starts ? (int)starts[token] : 0;
}

// The newest key before the window of a query; -1 if it sees no key of the document.
__device__ __forceinline__ int block_of(
    const Long* starts, int document, int query, int window, int every) {
  int before = query - document - window;
  return before >= 0 && start_of(starts, query) == document ? before / every : -1;
}

// The keys that a tile of queries sees some of: key 0, then those from `lowest` to `newest`, which is
// -1 if it sees none. First and last query are counted from where the document begins.
struct Keys {
  int lowest, newest;

  __device__ __forceinline__ Keys(int first, int last, int window, int every, int globals) {
    lowest = (first - window) / every - globals + 1;
    if (lowest < 1) lowest = 1;
    newest = last < window ? -1 : globals == 0 ? 0 : (last - window) / every;
  }

  __device__ __forceinline__ int count() const {
    return newest < lowest ? 1 : newest - lowest + 2;
  }

  __device__ __forceinline__ int at(int index) const { return index == 0 ? 0 : lowest + index - 1; }

  __device__ __forceinline__ bool have(int key) const {
    return key <= newest && (key == 0 || key >= lowest);
  }
};

// A key in a list whose length does not depend on where documents begin: places for their first keys, then
// for others. Only documents of more tokens than the window have queries that see keys, so of window + 1
// tokens at most one begins such a document, which the last of them then belongs to: that is a place, and
// one is enough without documents. Of `every` tokens at most one is another key, as those of the next
// document come after its first one, and the first of these tokens belongs to its document: that is a
// place, but for the first `every` tokens, which have none.
struct Key {
  int document, index;  // where its document begins, -1 if no query sees a key of this place

  __device__ __forceinline__ Key(
      const Long* starts, int place, int firsts, int time, int window, int every)
      : document(-1), index(0) {
    Long begin = place < firsts ? place * (window + 1) : (Long)(place - firsts + 1) * every;
    if (begin >= time) return;
    int start = start_of(starts, (int)begin + (place < firsts ? window : 0));
    if (place < firsts ? start < begin : start == begin) return;
    if (place >= firsts) index = ((int)begin - start + every - 1) / every;
    Long seen = start + (Long)index * every + window;
    if (seen < time && start_of(starts, (int)seen) == start) document = start;
  }

  __device__ __forceinline__ bool exists() const { return document >= 0; }

  __device__ __forceinline__ Long position(int every) const {
    return document + (Long)index * every;
  }
};

constexpr int NEVER = 0x7fffffff;  // a key that no query sees

// Tasks of the gradients of keys and values: TILE places of keys each and `span` queries. Tiles with
// places of first keys have tasks for all queries, as a whole document sees its first one; the others for
// those that can see any of theirs, counted from the first one that sees the first of them.
struct Tasks {
  int firsts, of_first, of_other;  // first keys, tasks of a tile with some, of another

  __device__ __forceinline__ int tiles_of_first() const { return (firsts + TILE - 1) / TILE; }

  __device__ __forceinline__ bool has_first(int tile) const { return tile < tiles_of_first(); }

  __device__ __forceinline__ int of(int tile) const { return has_first(tile) ? of_first : of_other; }

  // The first task of a tile.
  __device__ __forceinline__ int begin(int tile) const {
    int whole = min(tile, tiles_of_first());
    return whole * of_first + (tile - whole) * of_other;
  }

  __device__ __forceinline__ int tile(int task) const {
    int others = task - tiles_of_first() * of_first;
    return others < 0 ? task / of_first : tiles_of_first() + others / of_other;
  }

  __device__ __forceinline__ int first_query(int task, int span, int window, int every) const {
    int of_tile = tile(task);
    int seen = has_first(of_tile) ? 0 : (of_tile * TILE - firsts + 1) * every;
    return window + seen + (task - begin(of_tile)) * span;
  }

  // Whether all keys of a tile are before the tokens from oldest * every on, which alone are seen.
  __device__ __forceinline__ bool beyond(int tile, int oldest) const {
    return !has_first(tile) && oldest > (tile + 1) * TILE - firsts;
  }
};

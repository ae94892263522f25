// The tiles of products of groups of rows (chunk_products.cu), each group of which is whole chunks of 64 rows.
typedef long long Long;

// Of rows [rows, depth] and matrices, of rows and matrices across, and the sums of pairs of rows.
enum Kind { FORWARD, ROWS, WEIGHTS };

constexpr int CHUNK = 64;
constexpr int TILE_CHUNKS = 2;  // of 64 rows of the result, that is
constexpr int TILE_ROWS = TILE_CHUNKS * CHUNK, TILE_COLUMNS = 256;
constexpr int STEP = 64;  // of the sums, at a time
constexpr int MOST_GROUPS = 64;

struct Sizes {
  int groups, chunks;  // chunks of all rows, those behind the last group included
  int rows, columns;   // of the result of a group; rows: WEIGHTS only
  int depth;           // steps of each sum; not for WEIGHTS
};

// In shared memory; behind the groups FORWARD and ROWS have one of the chunks that are in no group.
struct Table {
  int begin[MOST_GROUPS + 2];  // first chunk of each group
  int order[MOST_GROUPS + 1];  // the groups as their tiles come
  int first[MOST_GROUPS + 2];  // first tile of each, in that order
};

struct Tile {
  int group;
  int chunk, chunks;  // of its rows, at most TILE_CHUNKS; WEIGHTS: of the sums
  int row, column;    // where it begins in the result of its group; row: WEIGHTS only
};

// Where chunks of rows lie: in their order, or where the tokens are that they are copies of (expert_rows.cu).
struct Source {
  const Long* order;  // int64 [places]: the pair at each place; null if rows lie in their order
  int choices, span;  // pairs of a unit, and its chunks

  __device__ __forceinline__ int row(int chunk) const {
    if (order != nullptr) chunk = (int)order[chunk / span] / choices * span + chunk % span;
    return chunk * CHUNK;
  }
};

__device__ __forceinline__ int parts(int items, int each) { return (items + each - 1) / each; }

template <Kind KIND>
struct Tiles {
  const Table* table;
  Sizes sizes;
  int place;

  __device__ __forceinline__ static int chunks(const Table* table, int group) {
    return table->begin[group + 1] - table->begin[group];
  }

  // By one warp, for all of a block after its next barrier. Groups of which most rows are summed up come first.
  __device__ __forceinline__ static void fill(Table* table, const int* ends, const Sizes& sizes, int lane) {
    int groups = sizes.groups + (KIND == WEIGHTS ? 0 : 1);
    for (int i = lane; i <= groups; i += 32) {
      table->begin[i] = i == 0 ? 0 : i <= sizes.groups ? ends[i - 1] / CHUNK : sizes.chunks;
    }
    __syncwarp();
    for (int group = lane; group < groups; group += 32) {
      int rank = group;
      if (KIND == WEIGHTS) {
        int own = chunks(table, group);
        rank = 0;
        for (int i = 0; i < groups; i++) {
          int others = chunks(table, i);
          rank += others > own || (others == own && i < group);
        }
      }
      table->order[rank] = group;
    }
    __syncwarp();
    if (lane == 0) {
      int across = parts(sizes.columns, TILE_COLUMNS), sum = 0;
      for (int i = 0; i < groups; i++) {
        table->first[i] = sum;
        sum += across * (KIND == WEIGHTS ? parts(sizes.rows, TILE_ROWS)
                                         : parts(chunks(table, table->order[i]), TILE_CHUNKS));
      }
      table->first[groups] = sum;
    }
  }

  __device__ __forceinline__ int count() const {
    return table->first[sizes.groups + (KIND == WEIGHTS ? 0 : 1)];
  }

  // Numbers must rise from call to call. Tiles of the same columns are neighbours.
  __device__ __forceinline__ Tile tile(int number) {
    while (number >= table->first[place + 1]) place++;
    Tile tile;
    tile.group = table->order[place];
    int all = chunks(table, tile.group), local = number - table->first[place];
    int down = KIND == WEIGHTS ? parts(sizes.rows, TILE_ROWS) : parts(all, TILE_CHUNKS);
    tile.row = local % down * TILE_ROWS;
    tile.column = local / down * TILE_COLUMNS;
    tile.chunk = table->begin[tile.group];
    tile.chunks = all;
    if (KIND != WEIGHTS) {
      tile.chunk += local % down * TILE_CHUNKS;
      tile.chunks = min(TILE_CHUNKS, all - local % down * TILE_CHUNKS);
    }
    return tile;
  }

  // Of no group sums have no steps.
  __device__ __forceinline__ int steps(const Tile& tile) const {
    if (KIND == WEIGHTS) return tile.chunks;
    return tile.group < sizes.groups ? parts(sizes.depth, STEP) : 0;
  }
};

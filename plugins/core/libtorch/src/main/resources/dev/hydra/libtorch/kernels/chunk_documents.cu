// Where documents begin in a chunk of packed ones: a state ends where the number changes.

// For each token of a chunk the first token of its document in the chunk, counted from the start of
// the chunk, or -1 if the document began before it. One thread a token; all of a block must call it.
template <int TOKENS>
__device__ __forceinline__ void find_documents(
    int (&start)[TOKENS], const Long* documents, Long from, Long time, int token) {
  if (token < TOKENS) {
    Long t = from + token;
    bool begins = t > 0 && t < time && documents[t] != documents[t - 1];
    start[token] = begins ? token : -1;
  }
  __syncthreads();
  for (int distance = 1; distance < TOKENS; distance *= 2) {
    int before = token >= distance && token < TOKENS ? start[token - distance] : -1;
    __syncthreads();
    if (token < TOKENS && before > start[token]) start[token] = before;
    __syncthreads();
  }
}

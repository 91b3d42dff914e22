// SPDX-License-Identifier: Apache-2.0
#include "host/worker/sync_debts.h"

#include "tests/support/test.h"

using vgpu::host::SyncDebts;

TEST_CASE("a stream's debt is settled by a wait that began after its last launch", "[unit][sync_debts]") {
  SyncDebts debts;
  CHECK_FALSE(debts.any());
  CHECK_FALSE(debts.may_have_printed());
  debts.may_print(1, 100);
  CHECK(debts.any());
  const uint64_t before = debts.now();
  debts.may_print(1, 100);
  debts.settle_stream(1, 100, before);
  CHECK(debts.any());
  debts.settle_stream(1, 100, debts.now());
  CHECK_FALSE(debts.any());
  CHECK(debts.may_have_printed());
}

TEST_CASE("a wait settles what its own stream owes", "[unit][sync_debts]") {
  SyncDebts debts;
  debts.may_print(1, 100);
  debts.may_print(1, 200);
  debts.settle_stream(1, 200, debts.now());
  debts.settle_stream(2, 100, debts.now());
  CHECK(debts.any());
  debts.settle_stream(1, 100, debts.now());
  CHECK_FALSE(debts.any());
}

TEST_CASE("the default stream's two names are one stream", "[unit][sync_debts]") {
  SyncDebts debts;
  debts.may_print(1, 0);
  debts.settle_stream(1, 1, debts.now());
  CHECK_FALSE(debts.any());
}

TEST_CASE("a context's wait, or its end, settles all of its streams and no other's", "[unit][sync_debts]") {
  SyncDebts debts;
  debts.may_print(1, 100);
  debts.may_print(1, 200);
  debts.may_print(2, 100);
  debts.settle_context(1, debts.now());
  CHECK(debts.any());
  debts.forget_context(2);
  CHECK_FALSE(debts.any());
}

TEST_CASE("text is owed from a launch that may print to the wait for it", "[unit][sync_debts]") {
  SyncDebts debts;
  CHECK_FALSE(debts.owes_text());
  debts.may_print(1, 100);
  CHECK(debts.owes_text());
  debts.settle_stream(1, 100, debts.now());
  CHECK_FALSE(debts.owes_text());
}

TEST_CASE("a pool that changed in a stream gives memory back when that is waited for", "[unit][sync_debts]") {
  SyncDebts debts;
  CHECK_FALSE(debts.uses_pools());
  debts.pool_changes(1, 100);
  CHECK(debts.uses_pools());
  CHECK(debts.any());
  CHECK_FALSE(debts.owes_text());
  CHECK_FALSE(debts.may_have_printed());
  debts.settle_stream(1, 200, debts.now());
  debts.settle_context(2, debts.now());
  CHECK(debts.any());
  const uint64_t before = debts.now();
  debts.pool_changes(1, 100);
  debts.settle_stream(1, 100, before);
  CHECK(debts.any());
  debts.settle_stream(1, 100, debts.now());
  CHECK_FALSE(debts.any());
  CHECK(debts.uses_pools());
}

TEST_CASE("a pool that changed at once gives memory back whichever stream is waited for", "[unit][sync_debts]") {
  SyncDebts debts;
  debts.pool_changes_now(1);
  CHECK(debts.any());
  debts.settle_stream(2, 100, debts.now());
  CHECK(debts.any());
  debts.settle_stream(1, 100, debts.now());
  CHECK_FALSE(debts.any());
  debts.pool_changes_now(1);
  debts.settle_context(1, debts.now());
  CHECK_FALSE(debts.any());
}

TEST_CASE("text and memory of one stream are due side by side", "[unit][sync_debts]") {
  SyncDebts debts;
  debts.may_print(1, 100);
  debts.pool_changes(1, 0);
  debts.settle_stream(1, 100, debts.now());
  CHECK_FALSE(debts.owes_text());
  CHECK(debts.owes_memory());
  debts.settle_stream(1, 1, debts.now());
  CHECK_FALSE(debts.any());
}

TEST_CASE("a graph owes text where something that may print is in any graph", "[unit][sync_debts]") {
  SyncDebts debts;
  debts.graph_launched(1, 100);
  CHECK_FALSE(debts.any());
  CHECK_FALSE(debts.may_have_printed());
  debts.graphs_may_print();
  CHECK_FALSE(debts.any());
  debts.graph_launched(1, 100);
  CHECK(debts.owes_text());
  CHECK(debts.may_have_printed());
}

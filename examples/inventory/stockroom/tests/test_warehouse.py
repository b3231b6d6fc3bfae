from datetime import date

from stockroom.warehouse import Warehouse

FILES = {
    "items.csv": "sku,name,supplier,pack,cover_days\nT1,packing tape,Nordpack,6,14\n",
    "suppliers.csv": "name,lead_days,minimum_cents\nNordpack,3,5000\n",
    "prices.csv": "supplier,sku,quantity,cents\nNordpack,T1,36,220\nNordpack,T1,1,250\n",
    "movements.csv": "day,sku,kind,quantity\n2026-01-05,T1,receipt,80\n2026-01-06,T1,sale,2\n",
}


def test_a_warehouse_is_read_from_a_folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    warehouse = Warehouse.from_folder(tmp_path)
    assert warehouse.available("T1", date(2026, 1, 6)) == 78
    assert warehouse.suppliers["Nordpack"].unit_price("T1", 40) == 220
    assert warehouse.items["T1"].pack == 6
